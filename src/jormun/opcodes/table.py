"""The instruction table: one row an instruction, beside its meaning (core specification, section 7.10).

Rows live in the modules named by `_CHAPTERS`, each over the function that is its semantics. Everything else in Jormun
(decoder, encoder, parser, printer, validator, compilers) is a reading of these rows.
"""

from __future__ import annotations

from importlib import import_module

from jormun.dataclass import dataclass
from jormun.hints import Any, Callable, TypeVar
from jormun.opcodes.immediates import Immediate
from jormun.opcodes.ops import Shape
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
    last. `is_constant` says that it may stand in a constant expression (3.4.13). Two rows may share a name, where one
    text instruction has two encodings (select, ref.test, ref.cast).
    """

    name: str
    code: int
    signature: Signature | Rule
    immediates: tuple[Immediate, ...]
    semantics: Semantics
    static: tuple[object, ...]
    is_constant: bool

    @property
    def prefix(self) -> int | None:
        """The prefix byte, or None."""
        return self.code >> 16 or None

    @property
    def number(self) -> int:
        """The opcode byte, or the number behind the prefix."""
        return self.code & 0xFFFF

    @property
    def opens_block(self) -> bool:
        """Whether an `end` belongs to it."""
        return Immediate.BLOCK_TYPE in self.immediates

    @property
    def access_bits(self) -> int:
        """How many bits of memory an instruction with a memory argument reads or writes."""
        _, bits, *_ = self.static
        assert Immediate.MEMARG in self.immediates and isinstance(bits, int)
        return bits

    @property
    def natural_alignment(self) -> int:
        """The exponent of the size in bytes that an instruction with a memory argument accesses (2.4.7)."""
        return (self.access_bits // 8).bit_length() - 1

    @property
    def lane_count(self) -> int:
        """How many lanes the lane index of an instruction chooses from."""
        shape = self.static[0]
        assert Immediate.LANE in self.immediates and isinstance(shape, Shape)
        return shape.lanes


class TableError(Exception):
    """A mistake in the table itself."""


BY_CODE: dict[int, Row] = {}
"""All rows by `Row.code`."""
BY_NAME: dict[str, list[Row]] = {}
"""All rows by name, in the order of their codes."""


def opcode(
    name: str,
    code: int,
    signature: Signature | Rule,
    *static: object,
    immediates: tuple[Immediate, ...] = (),
    is_constant: bool = False,
) -> Callable[[S], S]:
    """Add the row `name` with the decorated function as its semantics."""

    def add(semantics: S) -> S:
        if code in BY_CODE:
            raise TableError(f"{name}: opcode {code:#x} belongs to {BY_CODE[code].name} already")
        row = Row(name, code, signature, immediates, semantics, static, is_constant)
        BY_CODE[code] = row
        BY_NAME.setdefault(name, []).append(row)
        BY_NAME[name].sort(key=lambda each: each.code)
        return semantics

    return add


_CHAPTERS = (
    "control", "variables", "references", "aggregates", "memory",
    "numeric", "floating", "conversion", "vector", "lanes", "atomics",
)  # fmt: skip

for _chapter in _CHAPTERS:
    import_module(f"jormun.opcodes.{_chapter}")
