"""Subtyping by `DefType.id`, which is all that native code knows of a type."""

from __future__ import annotations

from jormun.containers import WeakValueDictionary
from jormun.hints import Iterable
from jormun.locks import RLock
from jormun.types import DefType


class DeclaredType:
    """A definition that has a supertype, found by its id as long as this is kept."""

    __slots__ = ("__weakref__", "deftype")

    def __init__(self, deftype: DefType) -> None:
        self.deftype = deftype


_declared: WeakValueDictionary[int, DeclaredType] = WeakValueDictionary()
_lock = RLock()


def keep_declared(deftypes: Iterable[DefType]) -> tuple[DeclaredType, ...]:
    """What to keep so that `is_subtype` knows these definitions.

    Those without a supertype match themselves alone, and take nothing.
    """
    with _lock:
        return tuple(_declared.setdefault(t.id, DeclaredType(t)) for t in deftypes if t.supertype is not None)


def is_subtype(actual: int, expected: int) -> bool:
    """Whether the definition with id `actual` is the one with id `expected` or declares it as a supertype (3.3.10)."""
    if actual == expected:
        return True
    declared = _declared.get(actual)
    deftype = None if declared is None else declared.deftype.supertype
    while deftype is not None:
        if deftype.id == expected:
            return True
        deftype = deftype.supertype
    return False
