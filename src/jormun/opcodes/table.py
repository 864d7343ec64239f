"""The instruction table: one row an instruction, beside its meaning (core specification, section 7.10).

Rows live in the modules named by `_CHAPTERS`, each over the function that is its semantics. Everything else in Jormun
(decoder, encoder, parser, printer, validator, compilers) is a reading of these rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

from jormun.opcodes.immediates import Immediate
from jormun.opcodes.signatures import Rule, Signature

# A semantics function is generic in its engine's value type and takes static arguments that differ by row, which no
# type of Python's can say; opcodes/ops.py gives each of them its exact type where it is written.
Semantics = Callable[..., Any]
S = TypeVar("S", bound=Semantics)


@dataclass(frozen=True, slots=True)
class Row:
    """An instruction.

    `code` is the opcode: one byte, or, for a prefixed instruction, prefix << 16 | number (0xFD_0100 is number 256
    behind 0xFD). `static` are the arguments that its semantics take between `op` and the immediates; the operands come
    last. Two rows may share a name, where one text instruction has two encodings (select, ref.test, ref.cast).
    """

    name: str
    code: int
    signature: Signature | Rule
    immediates: tuple[Immediate, ...]
    semantics: Semantics
    static: tuple[object, ...]

    @property
    def prefix(self) -> int | None:
        """The prefix byte, or None."""
        return self.code >> 16 or None

    @property
    def number(self) -> int:
        """The opcode byte, or the number behind the prefix."""
        return self.code & 0xFFFF


class TableError(Exception):
    """A mistake in the table itself."""


BY_CODE: dict[int, Row] = {}
"""All rows by `Row.code`."""
BY_NAME: dict[str, list[Row]] = {}
"""All rows by name, in the order of their codes."""


def opcode(
    name: str, code: int, signature: Signature | Rule, *static: object, immediates: tuple[Immediate, ...] = ()
) -> Callable[[S], S]:
    """Add the row `name` with the decorated function as its semantics."""

    def add(semantics: S) -> S:
        if code in BY_CODE:
            raise TableError(f"{name}: opcode {code:#x} belongs to {BY_CODE[code].name} already")
        row = Row(name, code, signature, immediates, semantics, static)
        BY_CODE[code] = row
        BY_NAME.setdefault(name, []).append(row)
        BY_NAME[name].sort(key=lambda row: row.code)
        return semantics

    return add


def prefixed(prefix: int, number: int) -> int:
    """The code of instruction `number` behind `prefix`."""
    return prefix << 16 | number


_CHAPTERS = (
    "control", "variables", "references", "aggregates", "memory",
    "numeric", "floating", "conversion", "vector", "lanes", "atomics",
)  # fmt: skip

for _chapter in _CHAPTERS:
    import_module(f"jormun.opcodes.{_chapter}")
