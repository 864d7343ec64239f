"""How a WASI function is declared: a Python function whose annotations are its WebAssembly type.

    @wasi_function
    def clock_time_get(wasi: Wasi, clock_id: U32, precision_ns: U64, time: Pointer) -> int:

The parameters after the first arrive as the numbers that the guest passed, unsigned; the result is an error number. An
OSError or WasiError that is raised becomes its number.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import and_

from jormun.dataclass import dataclass
from jormun.hints import Final, TypeAlias
from jormun.types import I32, I64, FuncType, NumType
from jormun.wasi.errno import WasiError, from_host

U32: TypeAlias = int
"""A parameter of type i32; smaller numbers are passed as i32 too."""
U64: TypeAlias = int
"""A parameter of type i64."""
Pointer: TypeAlias = int
"""A parameter of type i32: an address in the guest's memory."""

_TYPES: Final[dict[str, NumType]] = {"U32": I32, "Pointer": I32, "U64": I64}
_MASKS: Final = {I32: 0xFFFF_FFFF, I64: 0xFFFF_FFFF_FFFF_FFFF}


@dataclass(frozen=True, slots=True)
class WasiFunction:
    """A function of WASI: its name and type, and what it does."""

    name: str
    type: FuncType
    call: Callable[..., int]

    def bind(self, wasi: object) -> Callable[..., int]:
        """The function as one guest calls it: takes the parameters as ints, signed or not, and returns the result.

        No exception comes out but those that end the guest: process.Exit, and what a signal handler raises.
        """
        call = self.call
        masks = [_MASKS[t] for t in self.type.params if isinstance(t, NumType)]

        def bound(*arguments: int) -> int:
            try:
                return call(wasi, *map(and_, arguments, masks))
            except WasiError as error:
                return int(error.errno)
            except OSError as error:
                return int(from_host(error))

        bound.__name__ = self.name
        bound.__doc__ = self.call.__doc__
        return bound


def wasi_function(call: Callable[..., int]) -> WasiFunction:
    """Declares a function of WASI by its annotations, all of them read as text."""
    annotations = dict(call.__annotations__)
    result = annotations.pop("return")
    parameters = list(annotations.values())[1:]
    return WasiFunction(
        name=call.__name__,
        type=FuncType(tuple(_TYPES[name] for name in parameters), (I32,) if result == "int" else ()),
        call=call,
    )
