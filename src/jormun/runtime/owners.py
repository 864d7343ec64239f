"""Keys by which native records name the Python objects they belong to.

A native record cannot hold a reference of Python's. It holds a key, which is never used again, so that it cannot
dangle. The table is the one piece of state that all stores share; it keeps nothing alive.
"""

from __future__ import annotations

from itertools import count
from weakref import WeakValueDictionary

from jormun.hints import Protocol
from jormun.types import DefType


class FunctionOwner(Protocol):
    """What function records belong to: a module instance, or a host function."""

    def function_deftype(self, cookie: int) -> DefType:
        """The type of the function whose record has this cookie."""

    def function_name(self, cookie: int) -> str:
        """Its name."""

    def function_is_short(self, cookie: int) -> bool:
        """Whether it runs for a moment at most."""


_owners: WeakValueDictionary[int, FunctionOwner] = WeakValueDictionary()
_keys = count(1)


def register(owner: FunctionOwner) -> int:
    """A key for `owner`."""
    key = next(_keys)
    _owners[key] = owner
    return key


def owner_of(key: int) -> FunctionOwner:
    """The owner with this key, which is alive."""
    return _owners[key]
