"""Guests in several threads at once, each on a stack of its own, without the GIL."""

from __future__ import annotations

import gc
import threading
from pathlib import Path
from typing import Any

import pytest

from jormun.errors import ExhaustionError, Trap
from jormun.runtime import layout
from jormun.runtime.native import pages
from jormun.runtime.native.machine import Native
from jormun.runtime.native.pages import Block
from jormun.runtime.native.stacks import StackPool
from tests import linking

GUEST = """
fn i64 @f0(ptr %vm, i64 %n) {
  br label %again
again:
  %v = load atomic i64, ptr %vm seq_cst, align 8
  %done = icmp eq i64 %v, %n
  br i1 %done, label %out, label %again
out:
  ret i64 %v
}
fn i64 @f1(ptr %vm, i64 %n) {
  %m = add i64 %n, 1
  %r = call i64 @f1(ptr %vm, i64 %m)
  %s = add i64 %r, 1
  ret i64 %s
}
fn i64 @f2(ptr %vm, i64 %n) {
  %v = load volatile i64, ptr %vm
  ret i64 %v
}
"""


def _run(count: int, target: Any) -> list[BaseException]:
    errors: list[BaseException] = []

    def guarded() -> None:
        try:
            target()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return errors


def test_guest_runs_without_the_gil(load: Any) -> None:
    """A guest that spins until Python changes a word would spin for ever if it kept Python from running."""
    guest = load(GUEST)
    flag = Block(64)
    thread = threading.Thread(target=guest.call, args=("f0", "l", "l", 7), kwargs={"vm": flag.address})
    thread.start()
    assert thread.is_alive()
    flag.write_u64(0, 7)
    thread.join(60)
    assert not thread.is_alive()


def test_stacks_are_exhausted_in_threads_at_once(load: Any) -> None:
    """Every thread has its own guard and its own signal stack."""
    guest = load(GUEST)

    def run() -> None:
        for _ in range(20):
            with pytest.raises(ExhaustionError):
                guest.call("f1", "l", "l", 0)
            with pytest.raises(Trap):
                guest.call("f2", "l", "l", 0, vm=64)

    assert _run(8, run) == []


def test_ended_threads_return_their_stacks(load: Any, native: Native) -> None:
    """Blocks are used again, and their memory goes back to the system."""
    guest = load(GUEST)

    def run() -> None:
        with pytest.raises(ExhaustionError):
            guest.call("f1", "l", "l", 0)

    _run(4, run)
    gc.collect()
    stacks = native.stacks
    used = stacks._used.copy()
    free = len(stacks._free)
    maps = _mappings()
    for _ in range(100):
        assert _run(1, run) == []
    assert stacks._used == used
    assert len(stacks._free) == free
    assert _mappings() - maps < 8


def _mappings() -> int:
    return len(Path("/proc/self/maps").read_text().splitlines())


def test_host_functions_in_threads(load: Any, native: Native) -> None:
    """Callbacks run in the thread that called the guest, and take turns with the GIL."""
    seen: dict[int, set[int]] = {}
    from jormun.runtime.native.calls import Signature

    def callback(address: int) -> None:
        seen.setdefault(threading.get_ident(), set()).add(pages.read_u64(address))
        if pages.read_u64(address) == 99:
            raise KeyError(threading.get_ident())

    host = linking.host_function(native, Signature("l", "l"), callback)

    def run() -> None:
        for n in range(99):
            load.call(native, host.code, host.vm, Signature("l", "l"), n)
        with pytest.raises(KeyError) as caught:
            load.call(native, host.code, host.vm, Signature("l", "l"), 99)
        assert caught.value.args == (threading.get_ident(),)

    assert _run(6, run) == []
    assert all(values == set(range(100)) for values in seen.values())


def test_more_threads_than_stacks_is_an_error() -> None:
    """A pool that is used up says so, and is usable again once a block comes back."""
    pool = StackPool(pages.Block(layout.PROCESS_RECORD_BYTES))
    count = pool.size_bytes // layout.STACK_BLOCK_BYTES
    blocks = [pool.take() for _ in range(count)]
    assert all(block % layout.STACK_BLOCK_BYTES == 0 for block in blocks)
    with pytest.raises(ExhaustionError, match="threads"):
        pool.take()
    pool.give(blocks.pop())
    assert pool.take()
    pages.release(pool.base, pool.size_bytes)
