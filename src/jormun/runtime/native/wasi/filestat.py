"""Attributes of the host's files: struct stat, and what becomes of it in a guest's memory."""

from __future__ import annotations

from jormun.hints import Final

FSTAT: Final = 5
"""fstat(2) (x86-64)."""
_STAT_BYTES: Final = 144
STAT: Final = f"  %stat = alloca [{_STAT_BYTES} x i8], align 8"
"""Room for what the host tells."""

# Where struct stat of <sys/stat.h> (x86-64) has what a filestat has, and where that has it: 8 bytes each.
_FIELDS: Final = ((0, 0), (8, 8), (16, 24), (48, 32))
"""Device, inode, number of links, size."""
_TIMES: Final = ((72, 40), (88, 48), (104, 56))
"""Access, modification, change: a timespec here, nanoseconds there, cut to 64 bits as Python does."""
_FILESTAT_TYPE: Final = 16
_MODE: Final = 24
"""Where struct stat has the mode, 32 bits, of which four are the type of the file."""
_KIND_BITS: Final = 12
REGULAR: Final = 8
LINK: Final = 10
_TYPES: Final = {2: 2, 4: 3, 6: 1, REGULAR: 4, LINK: 7, 12: 6}
"""File types of the host, and in WASI: character devices, directories, block devices, regular files, links, sockets.
All others, such as FIFOs, are 0, UNKNOWN."""
_TYPES_64: Final = sum(type << 4 * kind for kind, type in _TYPES.items())


def kind_of_stat(name: str) -> str:
    """Lines that define `name` as the host's type (i64) of what %stat tells of: REGULAR, LINK."""
    return f"""
  {name}.mode.at = getelementptr i8, ptr %stat, i64 {_MODE}
  {name}.mode = load i32, ptr {name}.mode.at
  {name}.high = lshr i32 {name}.mode, {_KIND_BITS}
  {name}.32 = and i32 {name}.high, 15
  {name} = zext i32 {name}.32 to i64
"""


def type_of_stat() -> str:
    """Lines that define %type as the type in WASI (i64) of what %stat tells of."""
    return f"""
{kind_of_stat("%kind.host")}
  %kind.bits = shl i64 %kind.host, 2
  %types = lshr i64 {_TYPES_64}, %kind.bits
  %type = and i64 %types, 15
"""


def write_filestat() -> str:
    """Lines that write what %stat tells, with the type %type (i64), to %place."""
    return f"""
{"".join(_copied(k, *field) for k, field in enumerate(_FIELDS))}
{"".join(_time(k, *field) for k, field in enumerate(_TIMES))}
  %type.place = getelementptr i8, ptr %place, i64 {_FILESTAT_TYPE}
  store i64 %type, ptr %type.place, align 1
"""


def _copied(number: int, source: int, target: int) -> str:
    return f"""
  %from.{number} = getelementptr i8, ptr %stat, i64 {source}
  %field.{number} = load i64, ptr %from.{number}
  %to.{number} = getelementptr i8, ptr %place, i64 {target}
  store i64 %field.{number}, ptr %to.{number}, align 1
"""


def _time(number: int, source: int, target: int) -> str:
    return f"""
  %seconds.at.{number} = getelementptr i8, ptr %stat, i64 {source}
  %seconds.{number} = load i64, ptr %seconds.at.{number}
  %rest.at.{number} = getelementptr i8, ptr %stat, i64 {source + 8}
  %rest.{number} = load i64, ptr %rest.at.{number}
  %whole.{number} = mul i64 %seconds.{number}, 1000000000
  %time.{number} = add i64 %whole.{number}, %rest.{number}
  %to.time.{number} = getelementptr i8, ptr %place, i64 {target}
  store i64 %time.{number}, ptr %to.time.{number}, align 1
"""
