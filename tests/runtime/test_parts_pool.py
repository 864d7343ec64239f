"""Instances made of the parts of dead ones: they are as new, nothing of the dead ones is left, nothing is lost."""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path

import pytest

import jormun
from jormun.runtime.instance import Instance
from jormun.runtime.native import pages
from jormun.runtime.store import Store

from .conftest import compiled
from .remaking import ALL, PAGE, call, host, make, mapped, state, twice

pytestmark = pytest.mark.usefixtures("kernels")


def test_all_is_as_new() -> None:
    """Whatever a guest and its host changed, the instance after it finds what the first one found."""
    module = compiled(ALL)
    new = state(make(module, host(1)))
    twice(module, host(1))
    used = make(module, host(2))
    vm = used.native.vm
    call(used, "set", 100, 1)
    call(used, "set", 2 * PAGE - 1, 1)
    call(used, "drop")
    assert call(used, "grow") == 2
    call(used, "set", 2 * PAGE + 5, 1)
    used.exports["g"].value = 8
    used.exports["f ref"].value = None
    used.exports["table"][0] = used.exports["host"]
    used.exports["open"][4] = "secret"
    tag = used.exports["tag"].identity
    assert state(used) != new
    del used
    again = make(module, host(3))
    assert again.native.vm == vm, "it is made of the same parts"
    assert state(again) == new
    assert again.exports["tag"].identity != tag
    assert (call(again, "host"), call(again, "call", 1)) == (3, 42)
    call(again, "passive")
    assert again.exports["memory"].read(0, 7) == b"passive"
    assert call(again, "grow") == 2
    assert again.exports["memory"].read(2 * PAGE, PAGE) == bytes(PAGE), "grown pages are new as well"


def test_a_finalizer_that_keeps_an_instance_has_it_alone() -> None:
    """The garbage collector finalizes a whole cycle before it takes it apart; what is kept then stays as it was."""
    module = compiled(ALL)
    twice(module, host(1))
    kept: list[Instance] = []

    class Owner:
        def __init__(self) -> None:
            self.instance = make(module, {"env": {"host": self.number}})

        def number(self) -> int:
            return 5

        def __del__(self) -> None:
            kept.append(self.instance)

    for _ in range(3):
        owner = Owner()
        call(owner.instance, "set", 100, 7)
        call(owner.instance, "grow")
        del owner
        gc.collect()
        others = [make(module, host(1)) for _ in range(3)]
        for other in others:
            call(other, "set", 100, 9)
    for instance in kept:
        memory = instance.memories[0]
        assert (memory[100], memory.size_pages, memory.grow(1)) == (7, 3, 3)
        with pytest.raises(jormun.WasmError, match="the instance is dead"):
            call(instance, "get", 100)
    assert len(kept) == 3


def test_a_table_of_a_closed_store_is_its_holders_own() -> None:
    """A handle that is left when its store is closed sees no other instance's table."""
    module = compiled(ALL)
    twice(module, host(1))
    store = Store()
    table = make(module, host(1), store).exports["open"]
    store.close()
    other = make(module, host(1)).exports["open"]
    other[0] = "secret"
    assert [*table] == [None, None]


def test_the_budget_is_the_stores_own() -> None:
    """Parts count for the store that uses them, and are given back to it."""
    module = compiled('(module (memory (export "memory") 1 3) (table 8 8 funcref))')
    twice(module)
    room = jormun.Limits(memory=2 * PAGE)
    store = Store(limits=room)
    memory = make(module, None, store).exports["memory"]
    with pytest.raises(jormun.ExhaustionError, match="131,072 bytes"):
        memory.grow(1)
    with pytest.raises(jormun.ExhaustionError, match="131,072 bytes"):
        make(module, None, store)
    with pytest.raises(jormun.ExhaustionError, match="1,000 bytes"):
        make(module, None, Store(limits=jormun.Limits(memory=1000)))
    store.close()
    del memory
    gc.collect()
    assert store.budget.take(2 * PAGE), "all was given back"


@pytest.mark.parametrize(
    "wat",
    [
        '(module (import "env" "m" (memory 1)) (func (export "x")))',
        '(module (import "env" "g" (global i32)) (memory 1) (data (global.get 0) "x"))',
        '(module (import "env" "f" (func)) (table 4 funcref) (elem (i32.const 0) 0))',
        '(module (import "env" "f" (func)) (global funcref (ref.func 0)))',
        "(module (table 1 funcref) (elem funcref (ref.func 0)) (func))",
    ],
)
def test_what_does_not_begin_alike_is_made_anew(wat: str) -> None:
    """Imported state, references to what is imported, and segments that are left make no parts."""
    assert compiled(wat).pool is None


def test_segments_that_do_not_fit_trap_each_time() -> None:
    """A module whose instances cannot be made leaves no parts that others begin with."""
    module = compiled("(module (table 1 funcref) (elem (i32.const 1) $f) (func $f))")
    for _ in range(3):
        with pytest.raises(jormun.Trap, match="out of bounds table access"):
            make(module)


def test_a_start_function_runs_each_time() -> None:
    """Parts are noted before it, and an instance that trapped in it leaves them as new."""
    module = compiled(
        """(module (import "env" "seen" (func $seen (param i32))) (global $n (export "n") (mut i32) (i32.const 0))
        (memory 1) (func $start (global.set $n (i32.add (global.get $n) (i32.const 1))) (call $seen (global.get $n))
        (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
        (call $seen (i32.load (i32.const 0))))
        (start $start))"""
    )
    seen: list[int] = []

    def note(n: int) -> None:
        seen.append(n)
        if len(seen) % 3 == 0:
            raise KeyError("on purpose")

    for _ in range(4):
        try:
            make(module, {"env": {"seen": note}})
        except KeyError:
            pass
    assert set(seen) == {1}


def test_threads_make_instances_of_one_module() -> None:
    """None of two that live at a time has the other's parts."""
    module = compiled(ALL)
    twice(module, host(1))
    wrong: list[object] = []

    def work(number: int) -> None:
        for _ in range(60):
            instance = make(module, host(number))
            memory = instance.exports["memory"]
            if memory.read(0, 200) != bytes(100) + b"initial" + bytes(93) or call(instance, "host") != number:
                wrong.append(number)
            memory.write(0, bytes([number]) * 200)
            if memory.read(0, 200) != bytes([number]) * 200:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_child_of_a_fork_makes_its_own() -> None:
    """Images are sealed files: the child's instances begin as the parent's, whatever the parent's guests write."""
    module = compiled(ALL)
    twice(module, host(1))
    kept = make(module, host(1))
    new = state(make(module, host(1)))
    call(kept, "set", 100, 9)
    pid = os.fork()
    if pid == 0:
        try:
            mine = make(module, host(1))
            is_new = state(mine) == new and call(kept, "get", 100) == 9
            call(mine, "set", 100, 8)
            del mine
            os._exit(0 if is_new and state(make(module, host(1))) == new else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.slow
def test_a_million_instances_leave_nothing() -> None:
    """Neither mappings nor memory, with some alive at a time."""
    module = compiled('(module (memory (export "memory") 1) (data (i32.const 0) "x") (table 2 2 funcref))')
    living = [make(module) for _ in range(100)]
    before = mapped(), _resident_bytes()
    for number in range(1_000_000):
        living[number % 100] = make(module)
    assert mapped() <= before[0] + 16
    assert _resident_bytes() < before[1] + (4 << 20)


def _resident_bytes() -> int:
    """The memory that the process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * pages.PAGE_BYTES
