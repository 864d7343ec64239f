"""What a module has by the ten thousand, which is written out where other values are dataclasses: they behave alike."""

from __future__ import annotations

import copy
import pickle

import pytest

from jormun.dataclass import replace
from jormun.syntax.data import Data
from jormun.syntax.expression import Expr, Source
from jormun.syntax.function import Function
from jormun.syntax.mode import Active, Declarative, Passive
from jormun.types import I32

FILE = b"0123456789"
VALUES = {
    "expression": (Expr(FILE, 2, 5), Expr(b"234"), Expr(b"345")),
    "function": (Function(1, ((2, I32),), Expr(b"\x0b"), Source(7)), Function(1, ((2, I32),), Expr(b"\x0b")),
                 Function(1, ((1, I32),), Expr(b"\x0b"))),
    "data": (Data(FILE, Active(0, Expr(b"a")), Source(1), 2, 4), Data(b"23", Active(0, Expr(b"a"))),
             Data(b"23", Passive())),
    "active": (Active(1, Expr(b"a")), Active(1, Expr(b"a")), Active(0, Expr(b"a"))),
    "passive": (Passive(), Passive(), Declarative()),
    "declarative": (Declarative(), Declarative(), Passive()),
    "source": (Source(3, ()), Source(3), Source()),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_equality_is_that_of_the_parts(name: str) -> None:
    """Wherever bytes lie, and wherever things came from; equal ones have equal hashes."""
    one, same, other = VALUES[name]
    assert one == same and hash(one) == hash(same) and one != other and one != "something else"


@pytest.mark.parametrize("name", VALUES)
def test_pickles_and_copies_are_equal(name: str) -> None:
    """Bytes in a file come without the file."""
    one = VALUES[name][0]
    again = pickle.loads(pickle.dumps(one))
    assert again == one and copy.deepcopy(one) == one and repr(again) == repr(one)
    assert len(pickle.dumps(Expr(bytes(10_000), 5, 7))) < 1000


def test_parts_are_matched_and_replaced() -> None:
    """By position, as those of dataclasses."""
    match Data(FILE, Active(3, Expr(b"a")), start=1, end=3):
        case Data(init, Active(index, Expr(code))):
            assert (init, index, code) == (b"12", 3, b"a")
    function = Function(1, (), Expr(b"\x0b"), Source(7))
    assert replace(function, type_index=2) == Function(2, (), Expr(b"\x0b"))
    assert replace(function, type_index=2).source == Source(7)
