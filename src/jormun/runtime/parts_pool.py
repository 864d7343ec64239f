"""Instances made of the parts of others of their module, which are dead (core specification, section 4.7.1).

A service gives each request an instance of its own. What such an instance is made of is kept when it dies, as new as it
was: its record and tables are written again, and its memories' pages written over or given back, which takes one system
call. So the next one takes microseconds. It sees nothing of those before: `Parts.reset` is all that makes it so.
"""

from __future__ import annotations

from sys import is_finalizing

from jormun.errors import WasmError
from jormun.hints import Sequence
from jormun.runtime.address_space import keep_spares
from jormun.runtime.blueprint import DECLARATIVE, FUNCTION, NO_FUNCTION, Blueprint, Constant
from jormun.runtime.budget import Budget
from jormun.runtime.native import pages
from jormun.runtime.native.memory_image import MemoryImage, image_of
from jormun.runtime.parts import Parts, TableContents
from jormun.types import FuncExternType

_MOST_SPARES = 64
"""How many parts of a module wait for their next use: as many instances may be made and dropped at the same time.
Each holds address space and page tables, its record and tables, and a few pages that were written."""


class PartsPool:
    """Parts of one module's instances that are not in use, and the images of its memories."""

    __slots__ = ("__weakref__", "_spares", "images", "tables")

    def __init__(self, images: dict[int, MemoryImage]) -> None:
        self.images = images
        """What the memory with an index begins with; no other one begins with anything."""
        self.tables: list[TableContents] | None = None
        """What tables begin with, once there was an instance that says so."""
        # No lock: parts come back when objects die, which a garbage collection may cause at any place.
        self._spares: list[Parts] = []
        keep_spares(self)

    def take(self, budget: Budget) -> Parts | None:
        """Parts that are as new, for an instance that is taken from this budget with its memories and tables; None if
        there are none, or not enough is left of the budget.
        """
        try:
            parts = self._spares.pop()
        except IndexError:
            return None
        if parts.lend(budget):
            return parts
        self._spares.append(parts)
        return None

    def lease(self, parts: Parts) -> Lease:
        """What parts are in use by, and come back with."""
        return Lease(self, parts)

    def give_back(self, parts: Parts) -> None:
        """Keep parts for their next use."""
        if is_finalizing():
            return
        try:
            parts.reset()
        except WasmError:
            return  # they are given up instead
        if len(self._spares) < _MOST_SPARES:
            self._spares.append(parts)

    def give_up(self) -> None:
        """Let go of what is not in use."""
        self._spares.clear()


class Lease:
    """Parts in use. The instance holds it, and whoever may outlive the instance; when it dies, others may have them."""

    __slots__ = ("_parts", "_pool")

    def __init__(self, pool: PartsPool, parts: Parts) -> None:
        self._pool = pool
        self._parts = parts
        # The `__del__` of a user's object in the same cycle may use the instance yet, or keep it.
        pages.finalized_last(self)

    def __del__(self) -> None:
        self._pool.give_back(self._parts)


def pool_for(blueprint: Blueprint) -> PartsPool | None:
    """A pool for a module's instances; None unless all of them begin alike, whatever they import."""
    if not _begin_alike(blueprint):
        return None
    images: dict[int, MemoryImage] = {}
    contents = [data for data in blueprint.contents if data.size_bytes]
    for memory in {data.memory for data in contents}:
        image = image_of([(_known(data.offset), data.contents) for data in contents if data.memory == memory])
        if image is None:
            return None
        images[memory] = image
    return PartsPool(images)


def _begin_alike(blueprint: Blueprint) -> bool:
    """Whether a module imports functions alone, and what its instances begin with has no references to them.

    Active segments of data are in `contents`, and none of elements are left behind. Tags are given identities anew.
    """
    imported = blueprint.imported_function_count
    return (
        all(isinstance(each.type, FuncExternType) for each in blueprint.imports)
        and all(data.memory < 0 for data in blueprint.datas)
        and all(_is_own(value, imported) for value in (*blueprint.globals, *blueprint.tables))
        and all(
            each.table == DECLARATIVE
            or (each.table >= 0 and each.functions is not None and _are_own(each.functions, imported))
            for each in blueprint.elements
        )
    )


def _is_own(value: Constant, imported: int) -> bool:
    if isinstance(value, tuple):
        return value[0] != FUNCTION or value[1] >= imported
    return isinstance(value, int)


def _are_own(functions: Sequence[int], imported: int) -> bool:
    return all(each == NO_FUNCTION or each >= imported for each in functions)


def _known(offset: Constant) -> int:
    assert isinstance(offset, int)
    return offset
