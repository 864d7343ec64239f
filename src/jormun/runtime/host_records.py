"""The native side of host functions: their records, side by side in one block of memory for those of an instance."""

from __future__ import annotations

from array import array

from jormun.functions import lru_cache
from jormun.hints import TYPE_CHECKING, Final, Protocol, Sequence
from jormun.runtime import layout, world
from jormun.runtime.function_facts import FunctionFacts
from jormun.runtime.native import pages
from jormun.runtime.owners import forget, register
from jormun.types import DefType

if TYPE_CHECKING:
    from jormun.runtime.exceptions import Exceptions
    from jormun.runtime.host import BitsFunction

WORDS: Final = layout.HOST_ENTRY_BYTES >> 3
"""How many a function takes: those of its function record, then those of its host record."""
_VM: Final = layout.FUNCTION_VM >> 3
_KEY, _WORLD, _OWNER, _SELF = (
    (layout.FUNCTION_RECORD_BYTES + field) >> 3
    for field in (layout.HOST_KEY, world.HOST_WORLD, layout.HOST_OWNER, layout.HOST_SELF)
)


class Described(Protocol):
    """What a record is made from."""

    @property
    def name(self) -> str:
        """What Python calls the function."""

    @property
    def deftype(self) -> DefType:
        """Its type."""

    @property
    def exceptions(self) -> Exceptions | None:
        """Those of its store, if guests may catch what it raises."""

    def words(self, cookie: int, at: int, key: int, owner: int) -> tuple[int, ...]:
        """The WORDS of its entry, which is at an address; `key` and `owner` are what is known of whose it is. What they
        refer to the object keeps alive.
        """


class HostFunctions:
    """Host functions as guests call them: for each a function record and a host record.

    Owned by the store, to which it does not refer but weakly: while guest code runs, its caller holds the store.
    """

    __slots__ = ("__weakref__", "_block", "_functions", "_key", "_passed", "_world", "addresses")

    def __init__(self, functions: Sequence[Described]) -> None:
        """Made by `of` and `shared`: what is in the records is not yet."""
        self._functions = functions
        self._passed: object = None
        self._world: pages.Block | None = None
        self._key = register(self)
        block = self._block = pages.Block(layout.HOST_ENTRY_BYTES * len(functions), 32)
        self.addresses: Final = range(block.address, block.address + block.size_bytes, layout.HOST_ENTRY_BYTES)
        """Where the function records are."""

    @classmethod
    def of(cls, functions: Sequence[Described]) -> HostFunctions:
        """Those that are described by objects of their own."""
        made = cls(functions)
        key, owner = made._key, id(made)
        words: list[int] = []
        for cookie, at in enumerate(made.addresses):
            words += functions[cookie].words(cookie, at, key, owner)
        pages.write_u64s(made._block.address, *words)
        return made

    @classmethod
    def shared(cls, functions: tuple[BitsFunction, ...], passed: object, world: pages.Block | None) -> HostFunctions:
        """Those that many instances have: Python gets `passed` first, and machine code finds the world record
        (runtime/world.py) that it looks at.
        """
        if all(each.is_shared for each in functions):
            functions, entries = _shared(functions)
        else:
            entries = _entries(functions)
        made = cls(functions)
        made._passed, made._world = passed, world
        count, words = len(functions), made._block.view().cast("Q")
        words[:] = memoryview(entries)
        # FAST: a field of all records at a time, 5 us for the 24 of a large program; 60 one by one.
        places = made.addresses
        first, end = places.start + layout.FUNCTION_RECORD_BYTES, places.stop + layout.FUNCTION_RECORD_BYTES
        _fill(words, _VM, array("Q", range(first, end, layout.HOST_ENTRY_BYTES)))
        _fill(words, _KEY, array("Q", (made._key,)) * count)
        _fill(words, _OWNER, array("Q", (id(made),)) * count)
        _fill(words, _SELF, array("Q", (id(passed),)) * count)
        if world is not None:
            _fill(words, _WORLD, array("Q", (world.address,)) * count)
        return made

    def __del__(self) -> None:
        if hasattr(self, "_key"):
            forget(self._key)

    def function_facts(self, cookie: int) -> FunctionFacts:
        """What is known of the function whose record has this cookie; how long it takes nobody knows."""
        described = self._functions[cookie]
        return FunctionFacts(described.deftype, described.name, is_short=False)

    @property
    def exceptions(self) -> Exceptions | None:
        """See Described; they are all of one kind."""
        return self._functions[0].exceptions


def _fill(words: memoryview, field: int, values: array[int]) -> None:
    """Set a word of all entries."""
    words[field::WORDS] = memoryview(values)


def _entries(functions: Sequence[Described]) -> array[int]:
    """The words of all, but for those that depend on where they are and whose."""
    entries = array("Q")
    for cookie, each in enumerate(functions):
        entries.extend(each.words(cookie, 0, 0, 0))
    return entries


@lru_cache(maxsize=256)
def _shared(functions: tuple[BitsFunction, ...]) -> tuple[tuple[BitsFunction, ...], array[int]]:
    """A tuple that all instances can have, and the words."""
    return functions, _entries(functions)
