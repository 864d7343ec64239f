"""A module and the cache: the code that was found, and what is compiled and has to be saved."""

from __future__ import annotations

import atexit
import time
from collections.abc import Callable, Iterable
from threading import Lock

from jormun.cache.cache import Cache
from jormun.cache.entry import Entry
from jormun.cache.plain import Plain, from_plain
from jormun.runtime.blueprint import Blueprint
from jormun.runtime.image import CodeImage

_INTERVAL_S = 1.0
"""Code that was compiled is saved after this time at the latest when more is compiled: a guest that is killed loses the
last of it."""
_LONGEST_INTERVAL_S = 30.0
_INTERVAL_COSTS = 50
"""Up to that, saving may take a part in so many of the time."""


class KeptModule:
    """One module's entry in the cache, for as long as the module is in use (runtime/module.py's `CodeKeeper`)."""

    def __init__(self, cache: Cache, key: bytes, data: bytes, describe: Callable[[], Plain]) -> None:
        """Look for the entry of the module whose file has the contents `data`. `describe` tells the blueprint of one
        that has no entry.
        """
        self._cache = cache
        self._key = key
        self._data = data
        self._found = cache.find(key)
        self._new: list[CodeImage] = []
        self._lock = Lock()
        self._next_s = 0.0
        self._describe = describe

    @property
    def blueprint(self) -> Blueprint | None:
        """The blueprint, if there is an entry."""
        return None if self._found is None else from_plain(self._found.plain, self._data)

    def images(self) -> Iterable[CodeImage]:
        """The code in the entry."""
        found = self._found
        if found is None:
            return ()
        self._found = Entry(found.plain, CodeImage(b"", (), found.image.architecture))  # its code is loaded now
        return (found.image,)

    def keep(self, image: CodeImage) -> None:
        """Take what was compiled, to be saved soon."""
        now_s = time.monotonic()
        with self._lock:
            self._new.append(image)
            _unsaved.add(self)
            if not self._next_s:
                self._next_s = now_s + _INTERVAL_S
            is_due = now_s >= self._next_s
        if is_due:
            self.save()

    def save(self) -> None:
        """Write what is new, together with what is there."""
        start_s = time.thread_time()  # a busy machine makes it no dearer
        with self._lock:
            _unsaved.discard(self)
            new, self._new = self._new, []
            if not new:
                return
            entry = self._cache.find(self._key)
            if entry is None:
                plain = self._describe() if self._found is None else self._found.plain
                entry = Entry(plain, CodeImage(b"", (), new[0].architecture))
            more = entry.with_code(new)
            if more is not entry:
                self._cache.save(self._key, more)
            cost_s = _INTERVAL_COSTS * (time.thread_time() - start_s)
            self._next_s = time.monotonic() + max(_INTERVAL_S, min(_LONGEST_INTERVAL_S, cost_s))


_unsaved: set[KeptModule] = set()
"""What has to be saved before the process ends."""


@atexit.register
def save_all() -> None:
    """Save what is not saved yet."""
    while _unsaved:
        _unsaved.pop().save()
