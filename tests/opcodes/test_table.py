"""The instruction table as a whole: nothing missing, nothing twice, and what has no semantics is listed here."""

from __future__ import annotations

import re

import pytest

from jormun.opcodes.immediates import Immediate
from jormun.opcodes.markers import STRUCTURAL
from jormun.opcodes.signatures import NOTHING
from jormun.opcodes.table import BY_CODE, BY_NAME, TableError, opcode
from tests.shared import needs_shared, scripts

ROWS_BY_PREFIX = {None: 194, 0xFB: 31, 0xFC: 22, 0xFD: 236 + 20, 0xFE: 67}
"""WebAssembly 3.0, and in 0xFE the threads proposal, in 0xFC four instructions of wide arithmetic."""
STRUCTURAL_NAMES = {
    "block", "loop", "if", "else", "end", "br", "br_if", "br_table", "br_on_null", "br_on_non_null", "return",
    "call", "call_indirect", "call_ref", "return_call", "return_call_indirect", "return_call_ref", "drop", "select",
    "throw", "throw_ref", "try_table", "br_on_cast", "br_on_cast_fail",
}  # fmt: skip
TWO_ENCODINGS = {"select", "ref.test", "ref.cast"}
VALUES_OF_SCRIPTS = {"ref.extern", "ref.host", "ref.array", "ref.struct", "ref.exn", "v128.const", "nan:canonical"}
"""Words that only the commands of scripts use, as what they expect."""


def test_all_instructions_are_there() -> None:
    """Each prefix has as many rows as the standard has instructions."""
    counts = {prefix: sum(row.prefix == prefix for row in BY_CODE.values()) for prefix in ROWS_BY_PREFIX}
    assert counts == ROWS_BY_PREFIX
    assert sum(counts.values()) == len(BY_CODE)


def test_names_are_unique_but_where_the_standard_repeats_them() -> None:
    """A name has one row, or two where one text instruction has two encodings."""
    assert {name for name, rows in BY_NAME.items() if len(rows) > 1} == TWO_ENCODINGS
    assert sum(len(rows) for rows in BY_NAME.values()) == len(BY_CODE)


CONSTANT_NAMES = {
    "i32.const", "i64.const", "f32.const", "f64.const", "v128.const",
    "i32.add", "i32.sub", "i32.mul", "i64.add", "i64.sub", "i64.mul",
    "global.get", "ref.null", "ref.func", "ref.i31", "any.convert_extern", "extern.convert_any",
    "struct.new", "struct.new_default", "array.new", "array.new_default", "array.new_fixed", "end",
}  # fmt: skip
"""The instructions of constant expressions (3.4.13)."""
ACCESS = re.compile(r"(?:load|store|rmw|wait)(\d+)(?:x(\d+))?")
TYPE = re.compile(r"[ifv](\d+)(?:x(\d+))?\.")


def bits_by_name(name: str) -> int:
    """The number of bits that an instruction accesses, as its name says it."""
    access, of_type = ACCESS.search(name), TYPE.match(name)
    if access is not None:
        return int(access[1]) * int(access[2] or 1)
    # memory.atomic.notify is the only one that names neither; it is of the size that wait32 waits for.
    return 32 if of_type is None else int(of_type[1])


def test_accesses_are_as_wide_as_their_names_say() -> None:
    """So are the lanes of instructions with a lane index as many."""
    for row in BY_CODE.values():
        if Immediate.MEMARG in row.immediates:
            assert row.access_bits == bits_by_name(row.name) == 8 << row.natural_alignment, row.name
        if Immediate.LANE in row.immediates:
            of_type = TYPE.match(row.name)
            assert of_type is not None
            assert row.lane_count == int(of_type[2] or 128 // bits_by_name(row.name)), row.name


def test_constant_instructions() -> None:
    """They are those that the standard lists."""
    assert {row.name for row in BY_CODE.values() if row.is_constant} == CONSTANT_NAMES


def test_a_code_belongs_to_one_row() -> None:
    """A second row with a code of the table is a mistake that is told at once."""
    with pytest.raises(TableError, match=r"0x6a belongs to i32\.add"):
        opcode("i32.plus", 0x6A, NOTHING)(lambda: None)


def test_rows_without_semantics_are_these() -> None:
    """What an engine handles itself is listed above, row by row."""
    assert {row.name for row in BY_CODE.values() if row.semantics in STRUCTURAL} == STRUCTURAL_NAMES


def test_every_meaning_is_documented() -> None:
    """A row's semantics function says in words what it does, for the reference documentation."""
    assert not [row.name for row in BY_CODE.values() if not row.semantics.__doc__]


def test_memory_arguments_come_with_the_width_of_the_access() -> None:
    """The second static argument is the access's width in bits, from which validation knows the natural alignment."""
    for row in BY_CODE.values():
        if Immediate.MEMARG in row.immediates:
            assert row.static[1] in (8, 16, 32, 64, 128), row.name
            written = re.search(r"(?:load|store|rmw|wait)(\d+)(x\d+)?", row.name)
            if written:
                factor = int((written.group(2) or "x1")[1:])
                assert row.static[1] == int(written.group(1)) * factor, row.name


@needs_shared
def test_scripts_use_no_other_instructions() -> None:
    """Every dotted word of the standard's scripts, outside of strings and comments, is an instruction of the table."""
    unknown: set[str] = set()
    for path in scripts():
        if "legacy" in path.parts:
            continue
        text = re.sub(r'"(?:[^"\\]|\\.)*"|;;[^\n]*|\(;.*?;\)', " ", path.read_text("utf-8", "replace"), flags=re.DOTALL)
        words = re.findall(r"(?<=[\s(])[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+(?=[\s)])", text)
        unknown |= {word for word in words if word not in BY_NAME and word not in VALUES_OF_SCRIPTS}
    assert not unknown


@needs_shared
def test_scripts_use_every_instruction() -> None:
    """The standard's scripts execute, or at least spell, each instruction of the table but one."""
    text = "\n".join(path.read_text("utf-8", "replace") for path in scripts())
    words = set(re.findall(r"[a-z][a-z0-9_.]+", text))
    assert set(BY_NAME) - words == {"atomic.fence"}
