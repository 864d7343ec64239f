"""What guests run on is there until nobody can call them any more, in garbage collections too."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import pytest

import jormun
from jormun.runtime.native.machine import Native

GUEST = """(module (import "host" "hold" (func)) (memory (export "memory") 1)
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "divide") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))"""


class Caller:
    """Calls guests as it dies."""

    def __init__(self, answers: list[object]) -> None:
        self.call: Callable[[], object] = lambda: None
        self.answers = answers

    def __del__(self) -> None:
        self.answers.append(self.call())


def garbage(prepare: Callable[[jormun.Instance, Caller], None]) -> tuple[list[object], weakref.ref[jormun.Store]]:
    """A cycle of a caller and a guest whose host function holds it, left behind; and what the caller will find."""
    answers: list[object] = []
    caller = Caller(answers)
    host = {"host": {"hold": lambda: caller}}
    instance = jormun.load(GUEST, host, config=jormun.Config(cache=False))
    prepare(instance, caller)
    return answers, weakref.ref(instance.store)


def call_functions(instance: jormun.Instance, caller: Caller) -> None:
    add, load, memory = instance.exports.add, instance.exports.load, instance.exports.memory
    memory[8] = 7

    def call() -> object:
        return add(1, 2), load(8), memory[8]

    add(0, 0)
    load(0)
    caller.call = call


def call_ufuncs(instance: jormun.Instance, caller: Caller) -> None:
    np = pytest.importorskip("numpy")
    add, divide = jormun.vectorize(instance.exports.add), jormun.vectorize(instance.exports.divide)
    x = np.arange(6, dtype="i4")
    caller.call = lambda: (add(x, 1).sum(), divide(x, 2).sum())


@pytest.mark.parametrize(("prepare", "answer"), [(call_functions, (3, 7, 7)), (call_ufuncs, (21, 6))])
def test_finalizers_may_call_guests(
    prepare: Callable[[jormun.Instance, Caller], None], answer: tuple[int, ...]
) -> None:
    """`__del__` of an object that a collection finds together with the guest: its code and memory are still there."""
    used_bytes = []
    for _ in range(5):
        answers, store = garbage(prepare)
        gc.collect()
        assert answers == [answer]
        gc.collect()
        assert store() is None
        used_bytes.append(Native.get().code.used_bytes)
    assert used_bytes[-1] == used_bytes[0]
