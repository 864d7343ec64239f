"""Data segments that are decoded when somebody looks at them (core specification, section 5.5.14)."""

from __future__ import annotations

from jormun.binary.reader import Reader
from jormun.binary.segments import data
from jormun.hints import Sequence, overload
from jormun.syntax.data import Data


class UndecodedDatas(Sequence[Data]):
    """The data segments of a module that is known to be valid. What compiles its code asks how many there are, and no
    more: compilers write some modules with 40,000 of them, which take half of the time for decoding.
    """

    __slots__ = ("_at", "_count", "_data", "_datas", "_end")

    def __init__(self, data: bytes, at: int, end: int, count: int) -> None:
        """`count` segments in a file, from `at` to `end`."""
        self._data = data
        self._at = at
        self._end = end
        self._count = count
        self._datas: tuple[Data, ...] | None = None

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Data: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Data]: ...

    def __getitem__(self, index: int | slice) -> Data | Sequence[Data]:
        if self._datas is None:
            reader = Reader(self._data, self._at, self._end)
            self._datas = tuple([data(reader) for _ in range(self._count)])
        return self._datas[index]
