"""Calls are ended by `Instance.interrupt`, by time limits, and by Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import jormun
from jormun.errors import TrapKind

GUEST = """(module
  (import "env" "host" (func $host))
  (memory 1 1 shared)
  (func (export "spin") (loop $again (br $again)))
  (func (export "sleep") (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))))
  (func (export "host") (call $host))
  (func (export "answer") (result i32) (i32.const 42)))"""


def make(limits: jormun.Limits | None = None, host: object = lambda: None) -> jormun.Instance:
    return jormun.load(GUEST, {"env": {"host": host}}, limits=limits)


@contextmanager
def interrupting(instance: jormun.Instance) -> Iterator[None]:
    """Another thread interrupts it now and then: a call that has not begun is not ended."""
    is_over = threading.Event()

    def run() -> None:
        while not is_over.wait(0.02):
            instance.interrupt()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


@pytest.mark.parametrize("limits", [None, jormun.Limits(timeout=60.0)])
@pytest.mark.parametrize("name", ["spin", "sleep"])
def test_another_thread_ends_a_call(name: str, limits: jormun.Limits | None) -> None:
    """Whether it computes or waits; later calls are not affected."""
    instance = make(limits)
    for _ in range(3):
        with interrupting(instance), pytest.raises(jormun.Trap) as trapped:
            instance.exports[name]()
        assert trapped.value.kind is TrapKind.INTERRUPTED
        assert not isinstance(trapped.value, TimeoutError)
        assert instance.exports.answer() == 42


def test_an_interrupt_ends_calls_of_its_store_alone() -> None:
    """Another instance's call runs on."""
    first, second = make(), make()
    ended: list[str] = []

    def run(name: str, instance: jormun.Instance) -> None:
        with pytest.raises(jormun.Trap):
            instance.exports.spin()
        ended.append(name)

    threads = [threading.Thread(target=run, args=each) for each in (("first", first), ("second", second))]
    for thread in threads:
        thread.start()
    while threads[0].is_alive():  # until the call has begun
        first.interrupt()
        threads[0].join(0.01)
    assert ended == ["first"]
    while threads[1].is_alive():
        second.interrupt()
        threads[1].join(0.01)


@pytest.mark.parametrize("name", ["spin", "sleep"])
def test_a_time_limit_ends_each_call(name: str) -> None:
    """As jormun.TimeoutError, which is Python's too; each call has its own time."""
    instance = make(jormun.Limits(timeout=0.02))
    for _ in range(3):
        with pytest.raises(TimeoutError, match=r"timed out after 0\.02 s") as timed_out:
            instance.exports[name]()
        assert isinstance(timed_out.value, jormun.TimeoutError)
    unlimited = make(jormun.Limits(timeout=1e300))
    assert unlimited.exports.answer() == 42


def test_a_time_limit_bounds_what_a_host_function_calls() -> None:
    """An inner call of another store, which has no limit or more time, ends with the outer one."""
    for limits in (None, jormun.Limits(timeout=60.0)):
        inner = make(limits)
        outer = make(jormun.Limits(timeout=0.05), lambda: inner.exports.spin())  # noqa: B023
        with pytest.raises(TimeoutError, match=r"timed out after 0\.05 s"):
            outer.exports.host()
        assert inner.exports.answer() == 42


def test_what_is_no_time_is_refused() -> None:
    """With ValueError, like other limits."""
    for timeout in (-1, float("nan")):
        with pytest.raises(ValueError, match="a timeout is a number of seconds"):
            jormun.Limits(timeout=timeout)


def test_keyboard_interrupt_comes_out_of_a_guest() -> None:
    """Ctrl-C, as in any other Python code."""
    instance = make()
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        timer.start()
        instance.exports.spin()
    timer.join()
    assert instance.exports.answer() == 42


def test_interrupt_in_a_handler() -> None:
    """A signal's handler may end the call that it runs in."""
    instance = make()
    before = signal.signal(signal.SIGALRM, lambda number, frame: instance.interrupt())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        with pytest.raises(jormun.Trap, match="interrupted"):
            instance.exports.spin()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_program_that_computes_is_ended_in_time(tmp_path: Path) -> None:
    """jormun.run says so as subprocess.run does, and the program's thread is gone."""
    path = tmp_path / "spin.wat"
    path.write_text('(module (func (export "_start") (loop $again (br $again))))')
    with pytest.raises(subprocess.TimeoutExpired) as expired:
        jormun.run([path], timeout=0.05)
    assert isinstance(expired.value.__cause__, jormun.TimeoutError)
    assert not any(thread.name.startswith("guest thread") for thread in threading.enumerate())


def test_interruption_works_after_fork() -> None:
    """In the child too, where neither the watching thread nor the timer is."""
    instance = make(jormun.Limits(timeout=0.05))
    with pytest.raises(TimeoutError):
        instance.exports.spin()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            instance.exports.spin()
        except TimeoutError:
            signal.signal(signal.SIGALRM, signal.default_int_handler)
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            try:
                make().exports.spin()
            except KeyboardInterrupt:
                status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with pytest.raises(TimeoutError):
        instance.exports.spin()
