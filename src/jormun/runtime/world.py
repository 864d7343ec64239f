"""Byte offsets of what machine code knows of a guest's world of WASI: the single source of them, and which calls it
answers.

Beside runtime/layout.py, since code of guests knows nothing of this: only the glue (native/wasi/) reads it, and
native_stream.py, native_file.py, native_flags.py, wasi/native_world.py and wasi/native_table.py write it. All fields
are little-endian and naturally aligned.
"""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime import layout

ANSWERED: Final = (
    "args_get", "args_sizes_get", "clock_res_get", "clock_time_get", "environ_get", "environ_sizes_get", "fd_advise",
    "fd_allocate", "fd_close", "fd_datasync", "fd_fdstat_get", "fd_fdstat_set_flags", "fd_fdstat_set_rights",
    "fd_filestat_get", "fd_filestat_set_size", "fd_filestat_set_times", "fd_pread", "fd_prestat_dir_name",
    "fd_prestat_get", "fd_pwrite", "fd_read", "fd_readdir", "fd_renumber", "fd_seek", "fd_sync", "fd_tell", "fd_write",
    "path_filestat_get", "path_filestat_set_times", "path_open", "path_readlink", "poll_oneoff", "proc_raise",
    "random_get", "sched_yield",
)  # fmt: skip
"""The functions of WASI that machine code answers where they are plain. Named here, so that a start does not read its
text."""


def symbol(name: str) -> str:
    """What the machine code of one of them is called in the glue."""
    return f"jormun_wasi_{name}"


HOST_WORLD: Final = layout.HOST_FLAGS + 4
"""In the host record of a function that machine code answers: ptr, a world record."""
assert HOST_WORLD + 8 <= layout.HOST_SIGNATURE

WORLD_MEMORY: Final = 0
"""ptr: the record of the guest's memory; null while there is none."""
WORLD_TABLE: Final = 8
"""ptr: the table of descriptors."""
WORLD_CALLS: Final = 16
"""u32: how many calls machine code may still answer before Python gets one."""
WORLD_HAS_THREADS: Final = 20
"""u32: 1 where threads of the guest may run at the same time."""
WORLD_RANDOM: Final = 24
"""ptr: the record of a stream in memory whose input are random bytes; used once each."""
WORLD_ARGUMENTS: Final = 32
"""ptr: a record of strings, the arguments."""
WORLD_ENVIRONMENT: Final = 40
"""ptr: the same, of the environment."""
WORLD_BYTES: Final = 48

CALLS: Final = 256
"""How many calls machine code answers in a row. Python handles signals when it gets the next, so that a program that
does nothing but call can be stopped; 1/256 of what that costs is not to be seen."""

STRINGS_COUNT: Final = 0
"""u32: how many strings."""
STRINGS_BYTES: Final = 4
"""u32: how long all of them are."""
STRINGS_TEXT: Final = 8
"""ptr: all of them, one behind the other."""
STRINGS_STARTS: Final = 16
"""An array of u32: where in them each begins."""

TABLE_BUSY: Final = 0
"""u32: 1 while machine code uses an entry."""
TABLE_COUNT: Final = 4
"""u32: how many entries there are."""
TABLE_ENTRIES: Final = 8
"""ptr: an entry for each of the first TABLE_COUNT descriptors."""
TABLE_OPENED: Final = 16
"""u32: how many files machine code has opened of which Python has not been told."""
TABLE_BYTES: Final = 24
ENTRIES: Final = 256
"""The most that there are. Ours: more of them are open in few programs, and Python answers for those."""
ENTRY_FILE: Final = 0
"""i32: the host's descriptor."""
ENTRY_OPERATIONS: Final = 4
"""u32: what machine code may do with it, bits of the following; 0 for all that is Python's."""
ENTRY_STREAM: Final = 8
"""ptr: the record of a stream in memory, or, with IN_MEMORY or SET_FLAGS, of an open file."""
ENTRY_DEVICE: Final = ENTRY_STREAM
"""u64: with OPEN_BELOW, the device whose files are not opened."""
FIRST_FREE: Final = 3
"""From this number on, one whose entry allows nothing is free: machine code may give it to a file."""
ENTRY_STATUS: Final = 16
"""24 bytes: what fd_fdstat_get answers."""
ENTRY_FLAGS: Final = ENTRY_STATUS + 2
"""u16 in it: FdFlags."""
ENTRY_RIGHTS: Final = ENTRY_STATUS + 8
"""u64 in it: the rights, behind which are those that are inherited."""
ENTRY_STATUS_BYTES: Final = 24
ENTRY_NAME: Final = 40
"""ptr: the name of a directory that was given to the guest."""
ENTRY_NAME_BYTES: Final = 48
"""u32: how long it is."""
ENTRY_IS_READ_ONLY: Final = 52
"""u32: 1 where nothing below a directory may be changed, nor a file that was opened below one."""
ENTRY_IS_OPENED: Final = 56
"""u32: 1 where machine code has opened the file, and Python has not been told."""
ENTRY_IS_WRITABLE: Final = 60
"""u32: 1 where it was opened to be written."""
ENTRY_OPEN_FILE: Final = 64
"""FILE_BYTES: the record of the open file, where it is one in memory."""
ENTRY_LISTING: Final = ENTRY_OPEN_FILE
"""ptr: with READ_LISTING, a directory's entries as fd_readdir gives them, one behind the other."""
ENTRY_LISTING_STARTS: Final = ENTRY_LISTING + 8
"""ptr: an array of u64: where in them each begins, and where the last one ends."""
ENTRY_LISTING_COUNT: Final = ENTRY_LISTING + 16
"""u64: how many numbers that has."""
ENTRY_LISTING_CHANGES: Final = ENTRY_LISTING + 24
"""u64: with IN_MEMORY, what DIRECTORY_CHANGES was when they were listed."""
ENTRY_BYTES: Final = 96

LISTING_BYTES: Final = 1 << 20
"""At the end of a listing that is larger, Python does not keep it any longer. Ours: some twenty thousand entries."""

READ_FILE: Final = 1 << 0
"""Reading is read(2) of ENTRY_FILE, a file that never has its users wait for others."""
WRITE_FILE: Final = 1 << 1
"""Writing is write(2) of ENTRY_FILE, in the same way."""
READ_STREAM: Final = 1 << 2
"""Reading takes from the input of ENTRY_STREAM."""
WRITE_STREAM: Final = 1 << 3
"""Writing adds to the output of ENTRY_STREAM."""
READ_PIPE: Final = 1 << 4
"""Reading is read(2) of ENTRY_FILE, which is Python's when nothing is there."""
WRITE_PIPE: Final = 1 << 5
"""Writing is write(2) of ENTRY_FILE, which is Python's when there is no room."""
READ_AHEAD: Final = 1 << 6
"""Reading takes from the input of ENTRY_STREAM, and fills it by read(2) of ENTRY_FILE."""
READ_AT: Final = 1 << 7
"""Reading at an offset is pread(2) of ENTRY_FILE."""
WRITE_AT: Final = 1 << 8
"""Writing at an offset is pwrite(2) of ENTRY_FILE, unless that appends: Linux would append then, too."""
SEEK: Final = 1 << 9
"""Moving the position is lseek(2) of ENTRY_FILE."""
TELL: Final = 1 << 10
"""So is telling it."""
STATUS: Final = 1 << 11
"""ENTRY_STATUS is true."""
FILE_STATUS: Final = 1 << 12
"""The attributes are those that fstat(2) tells of ENTRY_FILE, and the type that of ENTRY_STATUS."""
NAMED: Final = 1 << 13
"""It is a directory that was given, whose name is at ENTRY_NAME."""
IN_MEMORY: Final = 1 << 14
"""It is a file in memory, open, whose record is at ENTRY_STREAM: READ_FILE, WRITE_FILE, READ_AT, WRITE_AT, SEEK, TELL
and FILE_STATUS are of that."""
BLANK: Final = 1 << 15
"""The attributes are zeros, but for one link."""
RESIZE: Final = 1 << 16
"""The size of the file in memory may be set."""
ALLOCATE: Final = 1 << 17
"""And room be made sure of in it."""
SET_TIMES: Final = 1 << 18
"""And its times be set."""
SET_FLAGS: Final = 1 << 19
"""And its flags, which are in the record as well; also those of a file of the host's, which has a record then."""
ADVISE: Final = 1 << 20
"""Advice is given by fadvise64(2) of ENTRY_FILE; a file in memory has no use for it."""
SYNC: Final = 1 << 21
"""There is nothing to wait for before all of it is on its device, since it has none."""
SYNC_DATA: Final = 1 << 22
"""The same, where its attributes do not matter."""
LOOK_BELOW: Final = 1 << 23
"""The attributes of what paths lead to from this directory in memory are told."""
SET_TIMES_BELOW: Final = 1 << 24
"""And the times may be set."""
OPEN_BELOW: Final = 1 << 25
"""Regular files that paths lead to from this directory are opened. This and LOOK_BELOW are of the host, or of what is
in memory, as the directory is."""
READ_LINKS_BELOW: Final = 1 << 27
"""The texts of links in memory that paths lead to from this directory are told."""
USED: Final = 1 << 26
"""Nothing, but that the number is not free."""
READ_LISTING: Final = 1 << 28
"""The directory is listed from ENTRY_LISTING: from the start only with IN_MEMORY, while its entries are the same."""
REGULAR_FILE: Final = READ_FILE | WRITE_FILE | READ_AT | WRITE_AT | SEEK | TELL | ADVISE | FILE_STATUS
"""What may be done with a regular file of the host."""
IN_MEMORY_ALWAYS: Final = IN_MEMORY | FILE_STATUS | SYNC | SYNC_DATA
"""What may be done with files and directories in memory."""
IN_MEMORY_FILE: Final = IN_MEMORY_ALWAYS | READ_FILE | READ_AT | SEEK | TELL | SET_FLAGS | ADVISE
"""And with all files."""
IN_MEMORY_WRITABLE: Final = WRITE_FILE | WRITE_AT | RESIZE | ALLOCATE
"""And with those that were opened to be written."""

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

AHEAD_BYTES: Final = 1 << 16
"""How much is read ahead at once, and how much room there is at STREAM_INPUT for READ_AHEAD."""
AHEAD_LEAST_BYTES: Final = 4096
"""A call that wants more reads into the guest's memory: a copy would cost what it saves."""

TREE_BUSY: Final = STREAM_BUSY
"""u32: 1 while machine code uses a file of the tree."""
TREE_CLAIMED: Final = STREAM_CLAIMED
"""u32: 1 while Python uses the tree."""
TREE_LEFT: Final = 8
"""i64: how many bytes its files may still grow by."""
TREE_NAMES: Final = 16
"""ptr: a table of names, NAMES of them; null while there is none."""
TREE_BYTES: Final = 24

NAME_BITS: Final = 12
NAMES: Final = 1 << NAME_BITS
"""How many names of a tree's nodes machine code finds, at most; all others are Python's to find."""
NAME_PROBES: Final = 4
"""A name is in one of so many places, from that of its hash on."""
NAME_HASH_START: Final = 0x811C_9DC5
NAME_HASH_FACTOR: Final = 0x0100_0193
"""The hash (FNV-1a, 32 bits) begins with the directory, and takes the bytes of the name."""
NAME_DIRECTORY: Final = 0
"""ptr: the record of the directory's attributes; null where there is no name."""
NAME_TEXT: Final = 8
"""ptr: its bytes."""
NAME_LENGTH: Final = 16
"""u64: how many."""
NAME_NODE: Final = 24
"""ptr: the record of the attributes of what has that name."""
NAME_BYTES: Final = 32

FILE_TREE: Final = 0
"""ptr: the record of the tree that an open file is in."""
FILE_CONTENT: Final = 8
"""ptr: the record of its content, which all that have it open share."""
FILE_POSITION: Final = 16
"""u64: where it is read and written next; below 2**63."""
FILE_FLAGS: Final = 24
"""u32: FdFlags, as in the status of its entry."""
FILE_HOST_FLAGS: Final = FILE_POSITION
"""u64: of a file of the host, its flags as fcntl(2) has them, without O_APPEND, which follows FILE_FLAGS."""
FILE_BYTES: Final = 32

CONTENT_STATUS: Final = 0
"""64 bytes: what fd_filestat_get answers. Size and the times of modification and change are true at any time."""
CONTENT_SIZE: Final = 32
CONTENT_ACCESSED: Final = 40
CONTENT_MODIFIED: Final = 48
CONTENT_CHANGED: Final = 56
CONTENT_STATUS_BYTES: Final = 64
CONTENT_BLOCKS: Final = 64
"""ptr: a pair for each of the first blocks of the content: u64, the address of its bytes, and u64, how many there are.
None are there of a block that is Python's to make. Those behind the end of the file are zeros."""
CONTENT_BLOCK_COUNT: Final = 72
"""u64: how many pairs there are."""
LINK_TEXT: Final = CONTENT_BLOCKS
"""ptr: of a link, its text; null where that is not told."""
LINK_TEXT_BYTES: Final = CONTENT_BLOCK_COUNT
"""u64: how long it is."""
DIRECTORY_CHANGES: Final = CONTENT_BLOCK_COUNT
"""u64: of a directory, how often its entries have changed."""
CONTENT_LOWER: Final = 80
"""i64: OWN where the blocks are the content; else the host's descriptor that all of it is in, or ASK."""
OWN: Final = -1
ASK: Final = -2
"""It is Python's to read."""
CONTENT_IS_TOLD: Final = 88
"""u32: 1 where all of CONTENT_STATUS is true."""
CONTENT_IS_MODIFIED: Final = 92
"""u32: 1 where machine code has written, and CONTENT_MODIFIED says when."""
CONTENT_IS_TIMED: Final = 96
"""u32: 1 where machine code has set the times, so that all of them are true."""
CONTENT_KIND: Final = 100
"""u32: the file type: one of the following, or another."""
DIRECTORY: Final = 3
REGULAR: Final = 4
LINK: Final = 7
CONTENT_OPENED: Final = 104
"""u32: how often machine code has opened the file, and Python has not been told."""
CONTENT_IS_NAMELESS: Final = 108
"""u32: 1 where the file has no name any more, and is gone when it is closed."""
CONTENT_BYTES: Final = 112

BLOCK_BITS: Final = 18
BLOCK_BYTES: Final = 1 << BLOCK_BITS
"""How much of a file in memory a block holds, at most."""
