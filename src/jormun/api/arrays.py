"""NumPy arrays that live in a guest's memory, where the guest's own allocator put them."""

from __future__ import annotations

from types import TracebackType

from jormun.errors import WasmError
from jormun.hints import TYPE_CHECKING, Any
from jormun.runtime.arrays import array_at, dimensions, little_endian, load_numpy
from jormun.runtime.function import Function
from jormun.runtime.memory import Memory
from jormun.types import I32, I64

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from jormun.api.instance import Exports

_ALLOCATORS = (("malloc", "free"), ("__wbindgen_malloc", "__wbindgen_free"), ("cabi_realloc", "free"))
"""The names that allocators are exported by: C's, wasm-bindgen's, and the canonical ABI's, which never frees."""
ALIGNMENT_BYTES = 16
"""What allocators are asked for that let one ask."""


class GuestArray:
    """An array in a guest's memory, from `Instance.alloc` until `free`, which `with` calls at its end.

    It may be passed to the guest's functions as an address, and to NumPy's as an array. It is not freed when Python
    drops it. Arrays that were made of it stay valid, also behind `free`: then they show what the guest does there.
    """

    __slots__ = ("_address", "_array", "_free")

    def __init__(self, address: int, array: NDArray[Any], free: Function | None) -> None:
        """Made by `Instance.alloc`."""
        self._address = address
        self._array: NDArray[Any] | None = array
        self._free = free

    @property
    def address(self) -> int:
        """The address of the first byte in the guest's memory."""
        self._check()
        return self._address

    @property
    def array(self) -> NDArray[Any]:
        """The memory itself as an array: what is written to it, the guest sees, and the other way around."""
        return self._check()

    def __index__(self) -> int:
        return self.address

    def __len__(self) -> int:
        return len(self.array)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        array: NDArray[Any] = load_numpy().asarray(self.array, dtype=dtype, copy=copy)
        return array

    def free(self) -> None:
        """Give the memory back to the guest's allocator. A second time, or in a closed store, nothing happens."""
        array, self._array = self._array, None
        function = self._free
        if array is None or function is None or not _is_open(function):
            return
        arguments = (self._address, array.nbytes, ALIGNMENT_BYTES)
        function(*arguments[: len(function.func_type.params)])

    def __enter__(self) -> GuestArray:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.free()

    def __repr__(self) -> str:
        array = self._array
        if array is None:
            return "<GuestArray, freed>"
        return f"<GuestArray of shape {array.shape} and {array.dtype} at address {self._address:#x}>"

    def _check(self) -> NDArray[Any]:
        if self._array is None:
            raise ValueError("the array has been freed")
        return self._array


def allocate(
    exports: Exports,
    memory: Memory | None,
    data: ArrayLike | None,
    shape: int | Sequence[int] | None,
    dtype: DTypeLike | None,
    allocator: str | Function | None,
    free: str | Function | None,
) -> GuestArray:
    """See `Instance.alloc`; `memory` is where the allocator's addresses are, None if there is none."""
    np = load_numpy()
    if (data is None) == (shape is None):
        raise TypeError("an array is allocated for data or with a shape: give one of the two")
    if memory is None:
        raise TypeError("the module has no memory")
    source: Any = 0 if data is None else np.asarray(data, dtype=dtype)
    t = little_endian(("f8" if dtype is None else dtype) if data is None else source.dtype)
    lengths: tuple[int, ...] = source.shape if shape is None else dimensions(shape)
    size_bytes = t.itemsize
    for length in lengths:
        size_bytes *= length
    function, release = _allocator(exports, allocator, free)
    address = _call(function, size_bytes, memory)
    array = array_at(memory.view(), address, lengths, t)
    array[...] = source
    return GuestArray(address, array, release)


def _call(function: Function, size_bytes: int, memory: Memory) -> int:
    """Have a guest allocate some bytes; their address, which is within the memory."""
    size_bytes = max(size_bytes, 1)
    arguments = {
        1: (size_bytes,),
        2: (size_bytes, ALIGNMENT_BYTES),
        4: (0, 0, ALIGNMENT_BYTES, size_bytes),
    }[len(function.func_type.params)]
    try:
        result: Any = function(*arguments)
    except OverflowError:
        result = 0
    address: int = result & (0xFFFF_FFFF if function.func_type.results[0] is I32 else 0xFFFF_FFFF_FFFF_FFFF)
    if address == 0:
        raise MemoryError(f"the guest's {function.__name__} has no {size_bytes:,} bytes")
    if address + size_bytes > memory.size_bytes:
        raise WasmError(
            f"the guest's {function.__name__} gave address {address:#x} for {size_bytes:,} bytes, which are outside of"
            f" its memory of {memory.size_bytes:,} bytes"
        )
    return address


def _allocator(
    exports: Exports, allocator: str | Function | None, free: str | Function | None
) -> tuple[Function, Function | None]:
    """The functions that allocate and free, the latter None if there is none."""
    if allocator is None:
        pairs = [pair for pair in _ALLOCATORS if pair[0] in exports]
        if not pairs:
            names = ", ".join(name for name, _ in _ALLOCATORS)
            raise TypeError(f"the module exports no allocator, none of {names}: name one with allocator=")
        allocator, usual = pairs[0]
        if free is None and usual in exports:
            free = usual
    function = _function(exports, allocator, (1, 2, 4), 1)
    return function, None if free is None else _function(exports, free, (1, 2, 3), 0)


def _function(exports: Exports, given: str | Function, counts: Sequence[int], results: int) -> Function:
    """A function that takes so many integers and gives so many. Raises TypeError for another one."""
    if isinstance(given, str):
        if given not in exports:
            raise TypeError(f"the module exports no {given!r}")
        given = exports[given]
    if not isinstance(given, Function):
        raise TypeError(f"an allocator is a function of the guest's or its name, not {type(given).__name__}")
    t = given.func_type
    if len(t.params) not in counts or len(t.results) != results or {*t.params, *t.results} - {I32, I64}:
        takes = f"{', '.join(map(str, counts[:-1]))} or {counts[-1]} integers"
        raise TypeError(f"{given.__name__} has type {t}; it would have to take {takes} and return {results or 'none'}")
    return given


def _is_open(function: Function) -> bool:
    """Whether a function's store is."""
    try:
        function.store.owned  # noqa: B018
    except WasmError:
        return False
    return True
