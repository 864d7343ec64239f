"""What differs from machine to machine when stencils are built, and what does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from jormun.baseline.catalogue import HEIGHTS
from jormun.baseline.library import Contents
from jormun.errors import TrapKind
from jormun.llvm.convention import VECTOR
from jormun.llvm.target import Target

if TYPE_CHECKING:
    from jormun.baseline.stencil_build.variants import Variant

INTEGERS = tuple(f"%r{k}" for k in range(HEIGHTS))
VECTORS = tuple(f"%x{k}" for k in range(HEIGHTS))
NULL_KINDS = (
    TrapKind.NULL_REFERENCE, TrapKind.NULL_FUNCTION_REFERENCE, TrapKind.NULL_EXCEPTION_REFERENCE,
    TrapKind.NULL_STRUCTURE_REFERENCE, TrapKind.NULL_I31_REFERENCE,
)  # fmt: skip
"""Of what traps where a reference is null: there are pieces for these."""


@dataclass(frozen=True, slots=True)
class Convention:
    """How stencils pass on the machine's registers: a calling convention of LLVM's by which they are parameters."""

    name: str
    kept_before: int
    """How many registers that are kept for callers the convention has between %mem and the operands' integers."""
    kept_behind: int
    """And behind them."""

    @property
    def parameters(self) -> tuple[tuple[str, str], ...]:
        """LLVM types and names: the instance, the frame, memory 0, and operands by height."""
        before = [f"%kept{k}" for k in range(self.kept_before)]
        behind = [f"%kept{self.kept_before + k}" for k in range(self.kept_behind)]
        return (
            *(("ptr", name) for name in ("%vm", "%fp", "%mem")),
            *(("i64", name) for name in (*before, *INTEGERS, *behind)),
            *((VECTOR, name) for name in VECTORS),
        )

    @property
    def types(self) -> str:
        """The parameters' types, as a declaration has them."""
        return ", ".join(t for t, _ in self.parameters)

    @property
    def signature(self) -> str:
        """The parameters, as a definition has them."""
        return ", ".join(f"{t} {name}" for t, name in self.parameters)


class Machine(Protocol):
    """A machine that there are stencils for."""

    @property
    def target(self) -> Target:
        """What LLVM generates code for: any machine of this kind that Jormun runs on."""

    @property
    def convention(self) -> Convention:
        """How stencils pass on registers."""

    @property
    def offsets(self) -> Mapping[str, str]:
        """What stands for holes x and y, the offsets of slots, and z, that of an access: LLVM text of an i64."""

    @property
    def preamble(self) -> str:
        """LLVM text that comes before all stencils."""

    @property
    def hides_numbers(self) -> bool:
        """Whether LLVM must not see what stands for constants and for hole z: numbers of which it makes something."""

    def add(self, contents: Contents, variants: Sequence[Variant], text: str, is_opaque: bool) -> list[Variant]:
        """Add the stencils whose LLVM text, preamble included, this is, and return those to whose constants LLVM did
        something. If `is_opaque`, it has not seen them.
        """

    def add_pieces(self, contents: Contents) -> None:
        """Add the pieces."""
