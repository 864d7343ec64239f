"""Function types as the calling convention of guest code sees them (llvm/convention.py)."""

from __future__ import annotations

from jormun.dataclass import dataclass
from jormun.llvm.convention import VECTOR, places
from jormun.types import FuncType, NumType, ValType, VecType

LLVM_TYPES = {"i": "i32", "l": "i64", "f": "float", "d": "double", "v": VECTOR}


@dataclass(frozen=True, slots=True)
class Signature:
    """A function type as native code sees it: a letter (key of LLVM_TYPES) for each value. References are i64."""

    params: str
    results: str

    @classmethod
    def of(cls, t: FuncType) -> Signature:
        """The signature of a function type."""
        return cls("".join(map(_letter, t.params)), "".join(map(_letter, t.results)))

    @property
    def overflow_slots(self) -> int:
        """How many parameters are passed in the overflow area."""
        return sum(place < 0 for place in places(parameter_types(self)))


def _letter(t: ValType) -> str:
    match t:
        case NumType.I32:
            return "i"
        case NumType.F32:
            return "f"
        case NumType.F64:
            return "d"
        case VecType.V128:
            return "v"
        case _:
            return "l"  # i64 and all references


def parameter_types(signature: Signature) -> tuple[str, ...]:
    """The LLVM types of all that a guest function is passed."""
    results = ("ptr",) if len(signature.results) > 1 else ()
    return ("ptr", *results, *(LLVM_TYPES[letter] for letter in signature.params))
