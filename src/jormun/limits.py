"""Bounds on what a file may ask for before a byte of it runs, each with its origin.

They keep hostile input from costing memory or time out of proportion to its size. Most, and all that say no more, are
those that the WebAssembly JavaScript interface (section "Implementation-defined limits") gives to all browsers.
"""

from __future__ import annotations

MODULE_SIZE_BYTES = 1 << 30
"""1 GiB (JavaScript interface)."""
TYPES = 1_000_000
"""Types in a module, rec groups counted whole (JavaScript interface)."""
FUNCTIONS = 1_000_000
"""Functions in a module (JavaScript interface)."""
IMPORTS = 1_000_000
EXPORTS = 1_000_000
GLOBALS = 1_000_000
TAGS = 1_000_000
TABLES = 100_000
MEMORIES = 100_000
DATA_SEGMENTS = 100_000
ELEMENT_SEGMENTS = 10_000_000
ELEMENTS_IN_SEGMENT = 10_000_000
PARAMETERS = 1_000
RESULTS = 1_000
LOCALS = 50_000
"""Locals of a function, parameters counted (JavaScript interface)."""
FUNCTION_SIZE_BYTES = 7_654_321
"""A function's body (JavaScript interface)."""
STRUCT_FIELDS = 10_000
SUBTYPING_DEPTH = 63
NESTING = 100_000
"""Open blocks in a function, and open parentheses in a text. Ours: readers keep their own stacks, so that depth costs
memory in proportion to the file and never Python's recursion."""
MEMORY_RESERVATION_BYTES = 64 << 30
"""Address space of a memory that is not bounded by 32-bit addresses and guards; it never moves, so this is where it
ends when its own maximum does not end it before. Ours: 2,000 of them fit the 47 bits of a process."""
STORE_BYTES = 4 << 30
"""What the guests of a store may take together, if the host gives no limit of its own and has twice as much memory.
Ours: what one 32-bit memory can have."""
STORE_SHARE = 2
"""Else one part of so many of the host's memory. Ours."""
INSTANCES = 10_000
"""Instances of a store, if the host gives no limit of its own. Ours: those of a store live as long as it does, so that
a guest whose threads are in one store could make them for ever."""
STACK_LEAST_BYTES = 64 << 10
"""The smallest stack that guests may be given. Ours: what signals' handlers and calls of the host need fits into it."""
OUTPUT_BYTES = 256 << 20
"""What is kept of a program's captured output, if the host gives no limit of its own and has eight times as much
memory. Ours: `CompletedProcess` has it once more, and as str it may take four times as much."""
OUTPUT_SHARE = 8
"""Else one part of so many of the host's memory. Ours."""
FUEL = 1 << 62
"""The most that a store may be given, which lasts for a hundred years. Ours: native code subtracts from it as from a
signed number of 64 bits."""
TABLE_ELEMENTS = 10_000_000
"""Elements of a table while it runs (JavaScript interface)."""
PRINTED_LOCALS = 10_000_000
"""Locals of all functions that a text will be written for. Ours: a run of locals is 3 bytes in a binary, but each of
them is a word of a text."""
OPERANDS = 1_000_000
"""Operands on the stack of a body while it is validated. Ours: a call of two bytes may push 1,000 of them, so
that a body of 7 MB could ask for gigabytes; compilers keep a few dozen."""
TREE_BYTES = 1 << 30
"""Bytes of all files of a tree in memory, or of the changes to one, if the host gives no quota of its own and has four
times as much memory. Ours."""
TREE_FILES = 1_000_000
"""Files, directories and links of such a tree. Ours: each is some 500 bytes of Python objects."""
TREE_SHARE = 4
"""Else one part of so many of the host's memory, and a file for each 1,000 bytes of that. Ours."""
LISTINGS_BYTES = 256 << 20
"""What a guest's descriptors of directories may keep of listings together, and the largest listing. Ours: some four
million entries; larger directories are few, and thousands of descriptors cost no more."""
