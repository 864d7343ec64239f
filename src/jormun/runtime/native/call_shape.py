"""The shapes of calls that the glue has a function of their own for (native/straight_calls.py), and their names."""

from __future__ import annotations

from jormun.hints import Final, Sequence
from jormun.types import F64, I32, I64, ValType

_MOST_INTEGERS: Final = 4
_MOST_DOUBLES: Final = 3
_LETTERS: Final[dict[ValType, str]] = {I32: "i", I64: "i", F64: "d"}
SHAPES: Final = tuple(
    (params, result)
    for params in (*("i" * k for k in range(_MOST_INTEGERS + 1)), *("d" * k for k in range(1, _MOST_DOUBLES + 1)))
    for result in ("", "i", "d")
)
"""The letters of parameters and of the result: an i for either kind of int, a d for f64."""
ANY: Final = "jormun_call_function"
"""The function for all others."""


def symbol(params: str, result: str) -> str:
    """The name of the function for a shape."""
    return f"jormun_call_{params}_{result}"


def entry(params: Sequence[ValType], results: Sequence[ValType]) -> str:
    """The name of the function of the glue that Python calls functions of such a type by."""
    if len(results) < 2 and all(t in _LETTERS for t in (*params, *results)):
        shape = "".join(_LETTERS[t] for t in params), "".join(_LETTERS[t] for t in results)
        if shape in SHAPES:
            return symbol(*shape)
    return ANY
