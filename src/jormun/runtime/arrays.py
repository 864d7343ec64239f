"""NumPy arrays in memories. NumPy is imported when the first is made: it need not be installed otherwise."""

from __future__ import annotations

from math import prod
from operator import index

from jormun.hints import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy
    from numpy.typing import DTypeLike, NDArray


def load_numpy() -> Any:
    """NumPy. Raises ImportError, with what to do, where it is not installed."""
    try:
        import numpy
    except ImportError as error:
        raise ImportError("NumPy is needed, which is not installed: pip install 'jormun[numpy]'") from error
    return numpy


def little_endian(dtype: DTypeLike) -> numpy.dtype[Any]:
    """A dtype as guests have it. Raises TypeError for one that holds Python objects."""
    t: numpy.dtype[Any] = load_numpy().dtype(dtype)
    if t.hasobject:
        raise TypeError(f"a guest's memory holds numbers and not Python objects, as {t} does")
    return t.newbyteorder("<") if t.byteorder == "=" else t


def dimensions(shape: int | Sequence[int]) -> tuple[int, ...]:
    """A shape as a tuple. Raises ValueError for negative lengths."""
    lengths = tuple(map(index, shape)) if isinstance(shape, (tuple, list)) else (index(shape),)  # type: ignore[arg-type]
    if any(length < 0 for length in lengths):
        raise ValueError(f"an array cannot have the shape {lengths}")
    return lengths


def array_at(view: memoryview, address: int, shape: int | Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
    """The array at an address of a memory of which `view` is one. Raises IndexError where it is not within it."""
    t, lengths = little_endian(dtype), dimensions(shape)
    size_bytes = prod(lengths) * t.itemsize
    address = index(address)
    if address < 0 or address + size_bytes > len(view):
        raise IndexError(
            f"an array of {size_bytes} bytes at address {address} is outside of a memory of {len(view)} bytes"
        )
    array: NDArray[Any] = load_numpy().ndarray(lengths, t, buffer=view, offset=address)
    return array
