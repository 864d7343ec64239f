"""The light forms of typing, dataclasses and enum do what those do, as far as Jormun uses them."""

from __future__ import annotations

import copy
import dataclasses
import enum
import pickle
from typing import Any

import pytest

from jormun.dataclass import dataclass, field, replace
from jormun.enumeration import Enum, IntEnum, unique
from jormun.hints import Protocol, SupportsIndex, runtime_checkable


@dataclass(frozen=True, slots=True)
class Point:
    """A point."""

    x: int
    y: int = 2
    label: str = field(default="", compare=False)

    @property
    def total(self) -> int:
        """Something of its own."""
        return self.x + self.y


@dataclass(slots=True)
class Item:
    """A thing that changes."""

    key: int
    parts: list[int] = field(default_factory=list, compare=False, repr=False)

    def __post_init__(self) -> None:
        self.parts.append(self.key)


@pytest.mark.parametrize("made_before", [0, 100], ids=["first", "compiled"])
def test_values_are_made_as_by_the_standard_librarys(made_before: int) -> None:
    """Positions, names, defaults, representation, comparison, hash, patterns, slots; the first objects, and later."""
    for k in range(made_before):
        Point(k)
    theirs: Any = dataclasses.make_dataclass(
        "Point", [("x", int), ("y", int, 2), ("label", str, dataclasses.field(default="", compare=False))], frozen=True
    )
    for values, named in (((1,), {}), ((1, 3, "a"), {}), ((), {"y": 5, "x": 4})):
        ours = Point(*values, **named)
        assert repr(ours) == repr(theirs(*values, **named))
        assert (ours == Point(1, 2, "other")) == (theirs(*values, **named) == theirs(1, 2, "other"))
        assert hash(ours) == hash(theirs(*values, **named))
    match Point(7):
        case Point(x, y):
            assert (x, y) == (7, 2)
    assert Point(1).total == 3 and Point.__doc__ == "A point." and not hasattr(Point(1), "__dict__")
    assert Point(1) != (1, 2) and replace(Point(1), y=9) == Point(1, 9)
    for values, named in (((), {}), ((1, 2, "", 4), {}), ((1,), {"z": 1}), ((1,), {"x": 1})):
        with pytest.raises(TypeError):
            Point(*values, **named)


def test_values_do_not_change() -> None:
    """Neither by assignment nor by deletion; copies and pickles are equal."""
    point = Point(1, label="here")
    with pytest.raises(AttributeError):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del point.x
    for again in (copy.copy(point), copy.deepcopy(point), pickle.loads(pickle.dumps(point))):
        assert again == point and again.label == "here"


def test_what_changes_has_no_hash() -> None:
    """Lists are made for each; fields that are not compared do not count."""
    one, two = Item(1), Item(2, [5])
    assert one != two and Item(1) == one and repr(two) == "Item(key=2)"
    assert one.parts == [1] and two.parts == [5, 2]
    one.key = 9
    assert one == Item(9)
    with pytest.raises(TypeError):
        hash(one)


@runtime_checkable
class Named(Protocol):
    """What has a name."""

    def name(self) -> str:
        """The name."""


class Other(Named, Protocol):
    """Not checkable itself."""

    def more(self) -> int:
        """More."""


class Sub(Named):
    """Says so itself."""

    def name(self) -> str:
        """The name."""
        return ""


def test_protocols_are_told_by_their_members() -> None:
    """`isinstance` looks at members where the protocol is checkable, and at classes elsewhere."""

    class Fits:
        def name(self) -> str:
            return "x"

    assert isinstance(Fits(), Named) and isinstance(Sub(), Named) and not isinstance(3, Named)
    assert not isinstance(Fits(), Sub)
    assert isinstance(3, SupportsIndex) and not isinstance(3.0, SupportsIndex)


@unique
class Colour(Enum):
    """A colour."""

    RED = 1
    BLUE = "b"

    @property
    def is_warm(self) -> bool:
        """Something of its own."""
        return self is Colour.RED


@unique
class Level(IntEnum):
    """A number."""

    LOW = 1
    HIGH = 5


class TheirColour(enum.Enum):
    """The standard library's."""

    RED = 1
    BLUE = "b"


class TheirLevel(enum.IntEnum):
    """The standard library's."""

    LOW = 1
    HIGH = 5


@pytest.mark.parametrize(("ours", "theirs"), [(Colour, TheirColour), (Level, TheirLevel)])
def test_members_are_those_of_the_standard_librarys(ours: Any, theirs: Any) -> None:
    """Names, values, order, look-up, representation, identity in copies and pickles."""
    assert [(each.name, each.value) for each in ours] == [(each.name, each.value) for each in theirs]
    assert len(ours) == len(theirs) and list(ours.__members__) == list(theirs.__members__) and bool(ours)
    for mine, other in zip(ours, theirs, strict=True):
        assert "Their" + str(mine) == str(other) if ours is Colour else str(mine) == str(other)
        assert repr(mine) == repr(other).replace("Their", "")
        assert ours(mine.value) is ours[mine.name] is ours(mine) is getattr(ours, mine.name) is mine
        assert mine in ours and "?" not in ours and isinstance(mine, ours)
        for again in (copy.copy(mine), copy.deepcopy(mine), pickle.loads(pickle.dumps(mine))):
            assert again is mine
    with pytest.raises(ValueError, match="7 is not a valid " + ours.__name__):
        ours(7)
    with pytest.raises(KeyError):
        ours["GREEN"]


def test_members_are_what_their_classes_say() -> None:
    """They have methods; those of an IntEnum are numbers; two of one value are refused."""
    assert Colour.RED.is_warm and not Colour.BLUE.is_warm and Colour.RED != 1 and hash(Colour.RED) == hash(Colour.RED)
    assert Level.HIGH == 5 and Level.HIGH + 1 == 6 and f"{Level.LOW:03}" == "001" and {5: "x"}[Level.HIGH] == "x"
    with pytest.raises(AssertionError, match="two members"):

        @unique
        class Twice(Enum):
            ONE = 1
            UNO = 1
