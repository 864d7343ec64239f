"""The light forms of functools and contextlib do what those do, as far as Jormun uses them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from jormun.functions import cache, cached_property, contextmanager, lru_cache, nullcontext, partial


def test_results_are_kept() -> None:
    """Of each call once, of the latest so many, or until the cache is cleared; by an object for itself."""
    calls: list[object] = []

    @cache
    def square(x: int) -> int:
        calls.append(x)
        return x * x

    @lru_cache(maxsize=1)
    def last(x: int) -> int:
        calls.append(x)
        return x

    class Thing:
        @cached_property
        def value(self) -> int:
            """A value."""
            calls.append("value")
            return 7

    assert [square(3), square(3), square(4)] == [9, 9, 16] and calls == [3, 4]
    square.cache_clear()
    assert square(3) == 9 and calls == [3, 4, 3]
    assert [last(1), last(1), last(2), last(1)] == [1, 1, 2, 1] and calls[3:] == [1, 2, 1]
    thing = Thing()
    assert thing.value == thing.value == 7 and calls[6:] == ["value"] and Thing.value.__doc__ == "A value."
    assert partial(pow, 2)(5) == 32


@pytest.mark.parametrize("make", [contextmanager, contextlib.contextmanager], ids=["ours", "theirs"])
@pytest.mark.parametrize("raised", [None, KeyError("x"), StopIteration(), GeneratorExit(), KeyboardInterrupt()])
@pytest.mark.parametrize("does", ["pass", "swallow", "replace"])
def test_blocks(make: Any, raised: BaseException | None, does: str) -> None:
    """What stands behind `yield` is run once, sees what the block raised, and may swallow or replace it."""
    seen: list[object] = []

    @make
    def around(value: int) -> Iterator[int]:
        try:
            yield value
        except BaseException as error:
            seen.append(error)
            if does == "pass":
                raise
            if does == "replace":
                raise ValueError from error
        finally:
            seen.append("end")

    came: BaseException | None = None
    try:
        with around(5) as value:
            assert value == 5
            if raised is not None:
                raise raised
    except BaseException as error:
        came = error
    assert seen == ([] if raised is None else [raised]) + ["end"]
    if raised is None or does == "swallow":
        assert came is None
    elif does == "replace":
        assert type(came) is ValueError
    else:
        assert came is raised


def test_a_block_of_nothing() -> None:
    """It lets through what is raised."""
    with pytest.raises(KeyError), nullcontext():
        raise KeyError
