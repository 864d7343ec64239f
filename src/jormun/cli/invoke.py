"""`jormun run --invoke`: arguments read by an export's type, and results printed one a line."""

from __future__ import annotations

import math
import struct

from jormun.cli.report import CommandError, UsageError
from jormun.hints import TYPE_CHECKING, Final, Sequence
from jormun.types import AbsHeapType, FuncType, NumType, RefType, ValType, VecType

if TYPE_CHECKING:
    from jormun.runtime.function import Function
    from jormun.runtime.instance import Instance

_F32: Final = struct.Struct("<f")
_LISTED: Final = 20
"""How many names an error message lists."""


def invoke(instance: Instance, name: str, texts: Sequence[str]) -> list[str]:
    """Calls an exported function with arguments from a command line; its results as text.

    Raises CommandError when there is no such function, UsageError for arguments that its type does not take.
    """
    function = find_function(instance, name)
    arguments = read_arguments(name, function.func_type, texts)
    returned = function.call(*arguments)
    results = function.func_type.results
    values = () if not results else (returned,) if len(results) == 1 else returned
    assert isinstance(values, tuple)
    return [format_value(t, value) for t, value in zip(results, values, strict=True)]


def find_function(instance: Instance, name: str) -> Function:
    """The exported function `name`. Raises CommandError, with the names that there are."""
    from jormun.runtime.function import Function

    export = instance.exports.get(name)
    if isinstance(export, Function):
        return export
    names = [key for key, each in instance.exports.items() if isinstance(each, Function)]
    what = "there is no export" if export is None else "no function is exported as"
    raise CommandError(f"{what} {name!r}; exported functions: {list_names(names) or 'none'}")


def list_names(names: Sequence[str]) -> str:
    """The first few names, for an error message."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def read_arguments(name: str, func_type: FuncType, texts: Sequence[str]) -> list[object]:
    """The values that the texts stand for. Raises UsageError."""
    if len(texts) != len(func_type.params):
        raise UsageError(f"{name} has type {func_type}: it takes {len(func_type.params)} arguments, found {len(texts)}")
    values = []
    for k, (t, text) in enumerate(zip(func_type.params, texts, strict=True)):
        try:
            values.append(read_value(t, text))
        except ValueError as error:
            raise UsageError(f"{name}, argument {k + 1}: {error}") from error
    return values


def read_value(t: ValType, text: str) -> object:
    """The value of type `t` that a text stands for. Raises ValueError.

    Integers are decimal or hexadecimal, signed or not; floats also hexadecimal, inf and nan; v128 is one number of 128
    bits; null is the null reference, and any other text a host reference where the type takes one.
    """
    match t:
        case NumType.I32 | NumType.I64:
            value = _read_integer(text, t.bits)
            return value - (1 << t.bits) if value >> (t.bits - 1) else value
        case NumType.F32 | NumType.F64:
            return _read_float(text, t)
        case VecType.V128:
            return _read_integer(text, 128).to_bytes(16, "little")
        case RefType():
            if text == "null" and t.nullable:
                return None
            if t.heap is AbsHeapType.EXTERN:
                return text
            raise ValueError(f"{text!r} is no {t}; only null can be written")


def _read_integer(text: str, bits: int) -> int:
    """The integer as an unsigned number of so many bits."""
    try:
        value = int(_number(text), 16 if _is_hexadecimal(text) else 10)
    except ValueError:
        raise ValueError(f"{text!r} is no integer") from None
    if not -(1 << (bits - 1)) <= value < 1 << bits:
        raise ValueError(f"{text} does not fit into {bits} bits")
    return value & ((1 << bits) - 1)


def _read_float(text: str, t: NumType) -> float:
    """Raises ValueError, for numbers beyond the largest too."""
    try:
        number = _number(text)
        value = float.fromhex(number.replace("_", "")) if _is_hexadecimal(text) else float(number)
        if t is NumType.F32:
            _F32.pack(value)
    except ValueError:
        raise ValueError(f"{text!r} is no {t}") from None
    except OverflowError:
        raise ValueError(f"{text} is beyond the largest {t}") from None
    if math.isinf(value) and "inf" not in text.lower():
        raise ValueError(f"{text} is beyond the largest {t}")
    return value


def _number(text: str) -> str:
    """The text, unless Python's readers would see a number in it where WebAssembly's see none. Raises ValueError."""
    if not text.isascii() or text != text.strip():
        raise ValueError(text)
    return text


def _is_hexadecimal(text: str) -> bool:
    return text.lstrip("+-")[:2].lower() == "0x"


def format_value(t: ValType, value: object) -> str:
    """A value as text that `read_value` takes, where it takes any."""
    if value is None:
        return "null"
    if isinstance(value, float):
        return format_float(value, t)
    if isinstance(value, bytes):
        return f"0x{int.from_bytes(value, 'little'):032x}"
    return str(value)


def format_float(value: float, t: ValType) -> str:
    """The shortest decimal that is this number in its type; inf and nan with their sign."""
    if math.isnan(value):
        return "-nan" if math.copysign(1.0, value) < 0 else "nan"
    if t is not NumType.F32 or math.isinf(value):
        return repr(value)
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        try:
            if _F32.unpack(_F32.pack(float(text)))[0] == value:
                return repr(float(text))
        except OverflowError:
            continue  # rounded up to beyond the largest
    return repr(value)
