"""Containers of `collections` and `weakref`, without importing them: 3 ms. Type checkers see the standard library's."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque as deque
    from typing import TypeVar
    from weakref import WeakSet as WeakSet
    from weakref import WeakValueDictionary as WeakValueDictionary
    from weakref import ref as ref

    _K = TypeVar("_K")
    _V = TypeVar("_V")

    def remove_dead(references: dict[_K, ref[_V]], key: _K) -> None:
        """Take a reference out of a dict if what it refers to is dead: in one step, whoever else looks at it."""
else:
    from _collections import deque as deque
    from _weakref import _remove_dead_weakref as remove_dead
    from _weakref import ref as ref

    class _Entry(ref):
        """A weak reference that knows where it is kept."""

        __slots__ = ("key",)

        def __new__(cls, value, gone, key):
            self = ref.__new__(cls, value, gone)
            self.key = key
            return self

        def __init__(self, value, gone, key):
            super().__init__(value, gone)

    class WeakValueDictionary:
        """Values by their keys, as long as something else keeps them alive.

        Safe to use from several threads, and in the middle of garbage collections: each step is one of a dict's.
        """

        def __init__(self):
            self._entries = entries = {}

            def gone(entry):
                # One step: by now there may be a living value with the same key.
                remove_dead(entries, entry.key)

            self._gone = gone

        def get(self, key):
            """The value, or None."""
            entry = self._entries.get(key)
            return None if entry is None else entry()

        def __getitem__(self, key):
            value = self._entries[key]()
            if value is None:
                raise KeyError(key)
            return value

        def __setitem__(self, key, value):
            self._entries[key] = _Entry(value, self._gone, key)

        def setdefault(self, key, value):
            """The value, which is `value` from now on if there is none."""
            entry = _Entry(value, self._gone, key)
            while True:
                # One step, whoever else has a value for this key: another thread, or a signal's handler.
                there = self._entries.setdefault(key, entry)()
                if there is not None:
                    return there
                remove_dead(self._entries, key)

        def __len__(self):
            return len(self._entries)

        def keys(self):
            """The keys, of values too that have died this moment."""
            return list(self._entries)

    class WeakSet:
        """Objects, as long as something else keeps them alive."""

        def __init__(self):
            self._entries = WeakValueDictionary()

        def add(self, value):
            """Hold it weakly."""
            self._entries[id(value)] = value

        def __iter__(self):
            return iter([value for entry in list(self._entries._entries.values()) if (value := entry()) is not None])

        def __len__(self):
            return len(self._entries)
