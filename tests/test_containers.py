"""The light forms of weakref's containers do what those do, as far as Jormun uses them."""

from __future__ import annotations

import gc

import pytest

from jormun.containers import WeakSet, WeakValueDictionary, deque, ref


class Thing:
    """What can be held weakly."""

    def __init__(self) -> None:
        self.self: object = None


def test_values_live_as_long_as_they_are_used() -> None:
    """Then their keys are gone too; a key that was given to another value stays."""
    things: WeakValueDictionary[int, Thing] = WeakValueDictionary()
    one, two = Thing(), Thing()
    things[1], things[2] = one, two
    assert things[1] is one and things.get(2) is two and things.get(3) is None and len(things) == 2
    assert things.setdefault(1, two) is one and things.setdefault(3, two) is two
    del one
    assert things.get(1) is None and len(things) == 2
    with pytest.raises(KeyError):
        things[1]
    things[1] = other = Thing()
    things[2] = other
    del two
    assert things[1] is things[2] is other and things.get(3) is None and len(things) == 2


def test_a_value_that_dies_in_a_garbage_collection_does_not_take_its_successor() -> None:
    """Its key may belong to another one before anybody notices."""
    things: WeakValueDictionary[str, Thing] = WeakValueDictionary()
    first = Thing()
    first.self = first
    things["key"] = first
    del first
    second = Thing()
    things["key"] = second
    gc.collect()
    assert things["key"] is second


def test_sets_hold_what_is_used() -> None:
    """Each once; what dies is out."""
    things: WeakSet[Thing] = WeakSet()
    one, two = Thing(), Thing()
    for each in (one, two, one):
        things.add(each)
    assert len(things) == 2 and list(things) == [one, two]
    del one, each
    assert list(things) == [two] and len(things) == 1


def test_what_is_as_it_was() -> None:
    """The rest is Python's own."""
    thing = Thing()
    assert ref(thing)() is thing and list(deque([1, 2], 1)) == [2]
