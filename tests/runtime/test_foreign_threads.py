"""Threads that Python has not made: what it knows of them ends with each call, and they go on."""

from __future__ import annotations

import ctypes

from jormun.runtime.function import Function
from jormun.runtime.native.machine import Native
from jormun.runtime.store import Store
from jormun.types import FuncType
from tests.runtime.conftest import Make

TWICE = bytes.fromhex("53 4889fb ffd3 ffd3 5b 31c0 c3")
"""Calls the function whose address it is given, two times: push %rbx; mov %rdi, %rbx; call *%rbx; call *%rbx; pop %rbx;
xor %eax, %eax; ret."""


def test_a_stack_is_left_with_what_python_knew_of_the_thread(store: Store, make: Make) -> None:
    """The second time, the stack that the thread had may be another one's."""
    native = Native.get()
    running: list[bool] = []
    ask = Function.host(store, FuncType((), ()), lambda: running.append(native.is_running))
    call = make('(module (import "" "ask" (func $ask)) (func (export "call") (call $ask)))', {"": {"ask": ask}}).export(
        "call"
    )
    assert isinstance(call, Function)
    taken: list[int] = []

    @ctypes.CFUNCTYPE(None)
    def called() -> None:
        if running:
            taken.append(native.stacks.take())
        call()

    thread = ctypes.c_void_p()
    libc = ctypes.CDLL(None)
    placed = native.code.place(len(TWICE), lambda address: TWICE)
    libc.pthread_create(ctypes.byref(thread), None, ctypes.c_void_p(placed.address), called)
    libc.pthread_join(thread, None)
    placed.free()
    native.stacks.give(taken[0])
    assert running == [True, True]
