"""Byte offsets of what machine code knows of a guest's world of WASI: the single source of them.

Beside runtime/layout.py, since code of guests knows nothing of this: only the glue (native/wasi.py) reads it, and
native_stream.py and wasi/native_table.py write it. All fields are little-endian and naturally aligned.
"""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime import layout

HOST_WORLD: Final = layout.HOST_OVERFLOW_SLOTS + 8
"""In the host record of a function that machine code answers: ptr, a world record."""
assert HOST_WORLD + 8 <= layout.HOST_RECORD_BYTES

WORLD_MEMORY: Final = 0
"""ptr: the record of the guest's memory; null while there is none."""
WORLD_TABLE: Final = 8
"""ptr: the table of descriptors."""
WORLD_CALLS: Final = 16
"""u32: how many calls machine code may still answer before Python gets one."""
WORLD_BYTES: Final = 24

CALLS: Final = 256
"""How many calls machine code answers in a row. Python handles signals when it gets the next, so that a program that
does nothing but call can be stopped; 1/256 of what that costs is not to be seen."""

TABLE_BUSY: Final = 0
"""u32: 1 while machine code uses an entry."""
TABLE_ENTRIES: Final = 64
"""An entry for each of the first ENTRIES descriptors."""
ENTRIES: Final = 256
"""Ours: more of them are open in few programs, and Python answers for those."""
ENTRY_FILE: Final = 0
"""i32: the host's descriptor."""
ENTRY_OPERATIONS: Final = 4
"""u32: what machine code may do with it, bits of the following; 0 for all that is Python's."""
ENTRY_STREAM: Final = 8
"""ptr: the record of a stream in memory."""
ENTRY_BYTES: Final = 16
TABLE_BYTES: Final = TABLE_ENTRIES + ENTRY_BYTES * ENTRIES

READ_FILE: Final = 1
"""Reading is read(2) of ENTRY_FILE, which never waits for others."""
WRITE_FILE: Final = 2
"""Writing is write(2) of ENTRY_FILE, in the same way."""
READ_STREAM: Final = 4
"""Reading takes from the input of ENTRY_STREAM."""
WRITE_STREAM: Final = 8
"""Writing adds to the output of ENTRY_STREAM."""
READ_PIPE: Final = 16
"""Reading is read(2) of ENTRY_FILE, which is Python's when nothing is there."""
WRITE_PIPE: Final = 32
"""Writing is write(2) of ENTRY_FILE, which is Python's when there is no room."""

STREAM_BUSY: Final = 0
"""u32: 1 while machine code uses the record."""
STREAM_CLAIMED: Final = 4
"""u32: 1 while Python uses it."""
STREAM_INPUT: Final = 8
"""ptr: the bytes that the guest reads."""
STREAM_INPUT_BYTES: Final = 16
"""u64: how many they are."""
STREAM_POSITION: Final = 24
"""u64: how many of them it has read."""
STREAM_OUTPUT: Final = 32
"""ptr: room for what it writes."""
STREAM_OUTPUT_ROOM: Final = 40
"""u64: how much."""
STREAM_OUTPUT_BYTES: Final = 48
"""u64: how much of it is filled."""
STREAM_BYTES: Final = 56
