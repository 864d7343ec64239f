"""Files made to do harm: each ends in a clear error, and costs no more than its own size."""

from __future__ import annotations

import tracemalloc

import pytest

from jormun.binary.decode import decode
from jormun.errors import MalformedError

HEADER = b"\0asm\1\0\0\0"
MANY = b"\xff\xff\xff\xff\x0f"
"""2**32 - 1."""


def section(id: int, content: bytes) -> bytes:
    """A section with these contents."""
    return bytes([id]) + u32(len(content)) + content


def u32(n: int) -> bytes:
    """The number in LEB128."""
    return bytes([n]) if n < 0x80 else bytes([n & 0x7F | 0x80]) + u32(n >> 7)


TYPE_AND_FUNCTION = section(1, b"\1\x60\0\0") + section(3, b"\1\0")


def body(content: bytes) -> bytes:
    """A module with one function of these locals and code."""
    return HEADER + TYPE_AND_FUNCTION + section(10, b"\1" + u32(len(content)) + content)


HUGE_COUNTS = {
    **{f"section {id}": section(id, MANY) for id in (1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 13)},
    "parameters": section(1, b"\1\x60" + MANY),
    "results": section(1, b"\1\x60\0" + MANY),
    "fields": section(1, b"\1\x5f" + MANY),
    "group": section(1, b"\1\x4e" + MANY),
    "supertypes": section(1, b"\1\x50" + MANY),
    "name": section(2, b"\1" + MANY + b"ab"),
    "elements": section(9, b"\1\1\0" + MANY),
    "element expressions": section(9, b"\1\5\x70" + MANY),
    "data": section(11, b"\1\1" + MANY + b"ab"),
    "body": TYPE_AND_FUNCTION + section(10, b"\1" + MANY + b"\0\x0b"),
    "local runs": TYPE_AND_FUNCTION + section(10, b"\1\x07" + MANY + b"\x7f\x0b"),
    "custom name": section(0, MANY + b"ab"),
    "section size": b"\1" + MANY,
    "br_table": section(6, b"\1\x7f\0\x0e" + MANY + b"\0\x0b"),
}


@pytest.mark.parametrize("name", HUGE_COUNTS)
def test_counts_are_checked_before_use(name: str) -> None:
    """A count of 2**32 - 1 in a few bytes costs no memory."""
    tracemalloc.start()
    with pytest.raises(MalformedError, match=r"length out of bounds|unexpected end|too many|too large"):
        decode(HEADER + HUGE_COUNTS[name])
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_many_locals_stay_runs() -> None:
    """As many locals as there may be are one run; one more is too many."""
    function = decode(body(b"\1" + u32(50_000) + b"\x7f\x0b")).functions[0]
    assert [count for count, _ in function.locals] == [50_000]
    with pytest.raises(MalformedError, match="too many locals"):
        decode(body(b"\2" + u32(50_000) + b"\x7f\1\x7e\x0b"))
    with pytest.raises(MalformedError, match="too many locals"):
        decode(body(b"\2" + MANY + b"\x7f" + MANY + b"\x7f\x0b"))


def test_empty_runs_of_locals_share_objects() -> None:
    """A million runs of no locals take a tuple, and not a million objects."""
    runs = decode(body(u32(1_000_000) + b"\0\x7f" * 1_000_000 + b"\x0b")).functions[0].locals
    assert len(runs) == 1_000_000 and len(set(map(id, runs))) < 10


@pytest.mark.parametrize(
    ("data", "message", "offset"),
    [
        (b"", "unexpected end of section or function", 0),
        (b"(module)", "magic header not detected: this looks like the text format", 0),
        (b"\n  ;; a comment\n(module)", "magic header not detected: this looks like the text format", 0),
        (b"\x7fELF\x02\x01\x01\0", "magic header not detected", 0),
        (b"\0asm\x0d\0\1\0", "unknown binary version: this is a component, not a module", 4),
        (b"\0asm\2\0\0\0", "unknown binary version 0x2", 4),
        (HEADER + b"\x0e\0", "malformed section id 14", 8),
        (HEADER + b"\1\5\0", "length out of bounds: a section of 5 bytes, 1 left", 8),
        (HEADER + b"\1\1\0\1\1\0", "unexpected content after last section: type section", 11),
        (HEADER + b"\6\1\0\x0d\1\0", "unexpected content after last section: tag section", 11),
        (HEADER + b"\1\2\0\0", "section size mismatch: 1 bytes left in type section", 11),
        (HEADER + b"\0\3\2a\xff", "malformed UTF-8 encoding", 12),
        (HEADER + b"\0\4\3\xed\xa0\x80", "malformed UTF-8 encoding", 11),
        (HEADER + b"\3\2\1\0", "function and code section have inconsistent lengths: 1 and 0", 12),
        (HEADER + b"\x0c\1\2\x0b\1\0", "data count and data section have inconsistent lengths: 2 and 0", 13),
        (HEADER + b"\6\x7f\1\x7f\2\x41\0\x0b", "length out of bounds: a section of 127 bytes, 6 left", 8),
        (HEADER + b"\6\6\1\x7f\2\x41\0\x0b", "malformed mutability", 12),
        (HEADER + b"\5\3\1\x10\0", "malformed limits flags 0x10", 11),
        (HEADER + b"\4\4\1\x70\2\0", "malformed limits flags 0x02", 12),
        (HEADER + b"\4\4\1\x7f\0\0", "malformed reference type 0x7f", 11),
        (HEADER + b"\4\5\1\x40\1\x70\0", "zero byte expected", 12),
        (HEADER + b"\7\4\1\0\5\0", "malformed export kind 0x05", 12),
        (HEADER + b"\x0d\3\1\1\0", "zero byte expected", 11),
        (HEADER + b"\x09\2\1\x08", "malformed elements segment kind 8", 11),
        (HEADER + b"\x09\4\1\1\1\0", "malformed element kind", 12),
        (HEADER + b"\x0b\2\1\3", "malformed data segment kind 3", 11),
        (HEADER + b"\6\x0b\1\x7f\0\x41\x80\x80\x80\x80\x80\x00\x0b", "integer representation too long", 18),
        (HEADER + b"\6\6\1\x7f\0\x02\x40\x0b", "unexpected end of section or function", 16),
        (body(b"\0\x41\xff\xff\xff\xff\x4f"), "integer too large", 28),
        (body(b"\0\1\1"), "unexpected end of section or function", 25),
        (body(b"\0\x0b\1"), "unexpected end of section or function: END opcode expected", 25),
    ],
)
def test_errors_say_what_and_where(data: bytes, message: str, offset: int) -> None:
    """The message is the standard's, the offset that of the bytes at fault in the file."""
    with pytest.raises(MalformedError) as caught:
        decode(data)
    assert (caught.value.message, caught.value.offset) == (message, offset)


@pytest.mark.parametrize("truncated", range(0, 200, 3))
def test_a_file_cut_anywhere_is_malformed_or_a_module(truncated: int) -> None:
    """Cutting a file off gives an error, or the module of the sections that are left."""
    data = HEADER + TYPE_AND_FUNCTION + section(5, b"\1\1\1\2") + section(10, b"\1\x64\0" + b"\1" * 98 + b"\x0b")
    try:
        decode(data[:truncated])
    except MalformedError as error:
        assert error.offset is not None and error.offset <= truncated


def test_many_sections_functions_and_segments() -> None:
    """What is many is read once: quadratic time would not end."""
    n = 100_000
    module = decode(
        HEADER
        + section(0, b"\1a") * n
        + section(1, u32(n) + b"\x60\0\0" * n)
        + section(3, u32(n) + b"\0" * n)
        + section(6, u32(n) + b"\x7f\0\x41\0\x0b" * n)
        + section(10, u32(n) + b"\2\0\x0b" * n)
        + section(11, u32(n) + b"\1\1a" * n)
    )
    assert (len(module.customs), len(module.functions), len(module.globals), len(module.datas)) == (n, n, n, n)
