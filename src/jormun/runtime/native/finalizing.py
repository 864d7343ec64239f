"""When `__del__` gives native things back: not before everything that may use them has been finalized."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable

from jormun.hints import TypeVar
from jormun.runtime.native.code import LoadedCode

T = TypeVar("T")
_untrack = ctypes.pythonapi.PyObject_GC_UnTrack
_untrack.argtypes = [ctypes.py_object]
_untrack.restype = None


def finalized_last(thing: T) -> T:
    """`thing`, whose `__del__` runs when nothing refers to it any more, and no earlier.

    A garbage collection calls `__del__` of all that it found, in any order, before it drops the first reference: so
    that of a user's object may call a guest whose code or memory another `__del__` has given back already. What the
    collector does not track it does not find. `thing` must not be part of a cycle: it refers to what is native alone.
    """
    _untrack(thing)
    return thing


class OwnedCode:
    """Code that is freed with this object. Whoever runs it holds this, by whatever way."""

    __slots__ = ("_loaded",)

    def __init__(self) -> None:
        self._loaded: list[LoadedCode] = []
        finalized_last(self)

    def append(self, loaded: LoadedCode) -> None:
        """Own this code too."""
        self._loaded.append(loaded)

    def __del__(self, is_ending: Callable[[], bool] = sys.is_finalizing) -> None:
        if not is_ending():  # else the region's own modules may be gone already
            for loaded in self._loaded:
                loaded.free()
