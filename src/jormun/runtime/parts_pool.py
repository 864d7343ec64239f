"""Instances made of the parts of others of their module, which are dead (core specification, section 4.7.1).

A service gives each request an instance of its own. What such an instance is made of is kept when it dies, as new as it
was: its record and tables are written again, and its memories' pages written over or given back, which takes one system
call. So the next one takes microseconds. It sees nothing of those before: `Parts.reset` is all that makes it so.
"""

from __future__ import annotations

from jormun.hints import Sequence
from jormun.runtime.address_space import keep_spares
from jormun.runtime.blueprint import DECLARATIVE, FUNCTION, NO_FUNCTION, Blueprint, Constant
from jormun.runtime.budget import Budget
from jormun.runtime.native.memory_image import MemoryImage, image_of
from jormun.runtime.parts import Parts, TableContents
from jormun.types import FuncExternType


class PartsPool:
    """Parts of one module's instances that are not in use, and the images of its memories."""

    __slots__ = ("__weakref__", "images", "spares", "tables")

    def __init__(self, images: dict[int, MemoryImage]) -> None:
        self.images = images
        """What the memory with an index begins with; no other one begins with anything."""
        self.tables: list[TableContents] | None = None
        """What tables begin with, once there was an instance that says so."""
        self.spares: list[Parts] = []
        """Parts that are not in use."""
        # No lock: parts come back when objects die, which a garbage collection may cause at any place.
        keep_spares(self)

    def take(self, budget: Budget) -> Parts | None:
        """Parts that are as new, for an instance that is taken from this budget with its memories and tables; None if
        there are none, or not enough is left of the budget.
        """
        try:
            parts = self.spares.pop()
        except IndexError:
            return None
        if not budget.take(parts.committed_bytes, parts.elements, 1):
            self.spares.append(parts)
            return None
        for each in parts.borrowers:
            each.budget = budget
        return parts

    def give_up(self) -> None:
        """Let go of what is not in use."""
        self.spares.clear()


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
