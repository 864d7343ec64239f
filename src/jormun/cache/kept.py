"""A module and the cache: the code that was found, what is compiled and has to be saved, and what tiering learned."""

from __future__ import annotations

import atexit
import os
import time

from jormun.cache.cache import Cache
from jormun.cache.entry import Entry
from jormun.cache.plain import Part, Plain, from_plain
from jormun.containers import WeakSet
from jormun.hints import TYPE_CHECKING, Callable, Iterable
from jormun.locks import RLock
from jormun.runtime.blueprint import Blueprint
from jormun.runtime.image import CodeImage
from jormun.runtime.native.support import machine
from jormun.runtime.tiering.learned import Learned

if TYPE_CHECKING:
    from threading import Timer

_INTERVAL_S = 1.0
"""Code that was compiled is saved after this time: a guest that is killed loses what is younger."""
_LONGEST_INTERVAL_S = 30.0
_INTERVAL_COSTS = 50
"""Up to that, saving may take a part in so many of the time."""


class KeptModule:
    """One module's entry in the cache, for as long as the module is in use (runtime/module.py's `CodeKeeper`)."""

    def __init__(
        self, cache: Cache, key: bytes, part: Part, describe: Callable[[], tuple[Plain, bytes | memoryview]]
    ) -> None:
        """Look for the entry of the module of whose file `part` gives parts. `describe` tells the blueprint of one that
        has no entry.
        """
        self._cache = cache
        self._key = key
        self._part = part
        self._found = cache.find(key)
        self._known = Learned() if self._found is None else self._found.learned
        self._new: list[CodeImage] = []
        self._timer: Timer | None = None
        self._interval_s = _INTERVAL_S
        self._learned: Callable[[], Learned] | None = None
        self._describe = describe

    @property
    def blueprint(self) -> Blueprint | None:
        """The blueprint, if there is an entry."""
        return None if self._found is None else from_plain(self._found.plain, self._part, self._found.own)

    def images(self) -> Iterable[CodeImage]:
        """The code in the entry."""
        found = self._found
        if found is None:
            return ()
        none = CodeImage(b"", (), found.image.architecture)  # its code is loaded now
        self._found = Entry(found.plain, none, own=found.own)
        return (found.image,)

    def learned(self) -> Learned:
        """What tiering learned, as the entry tells."""
        return self._known

    def watch(self, learned: Callable[[], Learned]) -> None:
        """Ask this for what tiering has learned since, whenever something is saved, and before the process ends."""
        self._learned = learned
        _watched.add(self)

    def keep(self, image: CodeImage) -> None:
        """Take what was compiled, to be saved soon."""
        with _lock:
            self._new.append(image)
            _unsaved.add(self)
            if self._timer is None:
                from threading import Timer  # a warm start compiles nothing

                timer = Timer(self._interval_s, self.save)
                timer.daemon = True
                try:
                    timer.start()
                except RuntimeError:
                    return  # no thread more: it is saved when the process ends
                self._timer = timer

    def save(self) -> None:
        """Write what is new, together with what is there."""
        with _writing:
            start_s = time.thread_time()  # a busy machine makes it no dearer
            with _lock:
                new, self._new = self._new, []
                if self._timer is not None:
                    self._timer.cancel()
                    self._timer = None
            learned = self._known if self._learned is None else self._known.joined(self._learned())
            if new or learned is not self._known:
                self._write(new, learned)
            with _lock:
                if not self._new:
                    _unsaved.discard(self)
                cost_s = _INTERVAL_COSTS * (time.thread_time() - start_s)
                self._interval_s = max(_INTERVAL_S, min(_LONGEST_INTERVAL_S, cost_s))

    def _write(self, new: list[CodeImage], learned: Learned) -> None:
        entry = self._cache.find(self._key)
        if entry is None:
            plain, own = self._describe() if self._found is None else (self._found.plain, self._found.own)
            entry = Entry(plain, CodeImage(b"", (), machine()), own=own)
        more = entry.with_code(new).with_learned(learned)
        if more is not entry:
            self._cache.save(self._key, more)
        self._known = more.learned


_unsaved: set[KeptModule] = set()
"""What has to be saved before the process ends."""
_watched: WeakSet[KeptModule] = WeakSet()
"""What may have learned something by then."""
_lock = RLock()
"""For what is kept and not saved. Held for a moment."""
_writing = RLock()
"""Held while an entry is written, by one thread at a time."""


@atexit.register
def save_all() -> None:
    """Save what is not saved yet."""
    for kept in {*_unsaved, *_watched}:
        kept.save()


def _forget() -> None:
    """In a child of a fork: what the parent compiled is the parent's to save, and the timers are its threads."""
    for kept in {*_unsaved, *_watched}:
        kept._new, kept._timer = [], None
    _unsaved.clear()
    _release()


def _acquire() -> None:
    _writing.acquire()
    _lock.acquire()


def _release() -> None:
    _lock.release()
    _writing.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_acquire, after_in_parent=_release, after_in_child=_forget)
