"""How a WASI function is declared: a Python function whose annotations are its WebAssembly type.

    @wasi_function
    def clock_time_get(wasi: Wasi, clock_id: U32, precision_ns: U64, time: Pointer) -> int:

The parameters after the first arrive as the numbers that the guest passed, unsigned; the result is an error number. An
OSError or WasiError that is raised becomes its number. calls.py connects guests with these functions.
"""

from __future__ import annotations

from jormun.dataclass import dataclass
from jormun.hints import Callable, Final, TypeAlias
from jormun.types import I32, I64, FuncType, NumType

U32: TypeAlias = int
"""A parameter of type i32; smaller numbers are passed as i32 too."""
U64: TypeAlias = int
"""A parameter of type i64."""
Pointer: TypeAlias = int
"""A parameter of type i32: an address in the guest's memory."""

_TYPES: Final[dict[str, NumType]] = {"U32": I32, "Pointer": I32, "U64": I64}


@dataclass(frozen=True, slots=True)
class WasiFunction:
    """A function of WASI: its name and type, and what it does."""

    name: str
    type: FuncType
    parameters: tuple[str, ...]
    """The names of what a guest passes."""
    call: Callable[..., int]
    """Takes a Wasi, and the parameters unsigned."""


def wasi_function(call: Callable[..., int]) -> WasiFunction:
    """Declares a function of WASI by its annotations, all of them read as text."""
    annotations = dict(call.__annotations__)
    result = annotations.pop("return")
    names, types = list(annotations)[1:], list(annotations.values())[1:]
    return WasiFunction(
        name=call.__name__,
        type=FuncType(tuple(_TYPES[name] for name in types), (I32,) if result == "int" else ()),
        parameters=tuple(names),
        call=call,
    )
