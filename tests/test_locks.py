"""The light forms of threading's locks are those of threading."""

from __future__ import annotations

import os
import threading

import pytest

from jormun import locks


def test_they_are_threadings() -> None:
    """Locks of both are of one type."""
    assert type(locks.Lock()) is type(threading.Lock()) and type(locks.RLock()) is type(threading.RLock())
    assert locks.local is threading.local and locks.TIMEOUT_MAX == threading.TIMEOUT_MAX
    assert locks.get_ident() == threading.get_ident() and locks.get_native_id() == threading.get_native_id()


def test_which_thread_is_the_main_one() -> None:
    """The first one of the process."""
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(locks.is_main_thread()))
    thread.start()
    thread.join()
    assert found == [False] and locks.is_main_thread() == (threading.current_thread() is threading.main_thread())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_thread_that_forks_is_the_main_one_of_the_child() -> None:
    """The child has no other."""
    status: list[int] = []

    def fork() -> None:
        child = os.fork()
        if child == 0:
            os._exit(0 if locks.is_main_thread() else 1)
        status.append(os.waitpid(child, 0)[1])

    thread = threading.Thread(target=fork)
    thread.start()
    thread.join()
    assert status == [0]
