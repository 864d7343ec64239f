"""Handlers of signals may use the run time in the middle of whatever it is doing, and may raise there."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

import jormun

from .at_lines import AtLines, Line, first_times

_CONFIG = jormun.Config(tier="baseline", cache=False)
_TEXT = """(module
  (import "host" "add" (func $add (param i32 externref) (result i32)))
  (memory (export "memory") 1 10) (table (export "table") 2 20 funcref) (elem (i32.const 0) $f)
  (tag $e (param i32))
  (func $f (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const NUMBER)))
  (func (export "trap") (drop (i32.load (i32.const -1))))
  (func (export "throw") (throw $e (i32.const 3)))
  (func (export "host") (param externref) (result i32) (call $add (i32.const 1) (local.get 0)))
  (func (export "grow") (result i32)
    (i32.add (memory.grow (i32.const 1)) (table.grow (ref.null func) (i32.const 1)))))"""


def _use(instance: jormun.Instance, number: int, seen: list[object]) -> None:
    """Have it do what a host takes part in."""
    exports = instance.exports
    assert exports.f(1) == number + 1
    with pytest.raises(jormun.Trap) as trapped:
        exports.trap()
    assert trapped.value.backtrace[0].function_name == "trap"
    with pytest.raises(jormun.WasmException) as thrown:
        exports.throw()
    assert thrown.value.values == (3,)
    value = object()
    assert exports.host(value) == number
    assert seen.pop() is value
    assert exports.grow() == 1 + 2
    exports.memory.grow(1)
    assert len(exports.memory) == 3 << 16
    assert exports.table[0](1) == number + 1


def _imports(number: int, seen: list[object]) -> dict[str, dict[str, Callable[..., object]]]:
    def add(one: int, value: object) -> int:
        seen.append(value)
        return one + number - 1

    return {"host": {"add": add}}


class _Lives:
    """Each call is the life of a module, which is new, and of an instance."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1
        number, seen = self.count, list[object]()
        text = _TEXT.replace("NUMBER", str(number))
        _use(jormun.load(text, _imports(number, seen), config=_CONFIG), number, seen)


class _Instances:
    """Each call is the life of three instances of one module, whose parts come from others that have died."""

    def __init__(self) -> None:
        self._module = jormun.Module(_TEXT.replace("NUMBER", "7"), config=_CONFIG)

    def __call__(self) -> None:
        for _ in range(3):
            seen = list[object]()
            _use(self._module.instantiate(_imports(7, seen)), 7, seen)


class _Waits:
    """Each call is that of a guest which waits for a coroutine twice, without an event loop."""

    TEXT = """(module (import "host" "wait" (func $wait (param i32) (result i32)))
      (func (export "run") (param i32) (result i32) (local $kept i32)
        (local.set $kept (call $wait (local.get 0)))
        (i32.add (local.get $kept) (call $wait (i32.const 1)))))"""

    def __call__(self) -> None:
        async def wait(number: int) -> int:
            return number * 2

        instance = jormun.load(self.TEXT, {"host": {"wait": wait}}, config=_CONFIG)
        call = instance.exports.run.call_async(20)
        with pytest.raises(StopIteration) as done:
            while True:
                call.send(None)
        assert done.value.value == 42


_BODIES = {"lives": _Lives, "instances": _Instances, "waits": _Waits}


@pytest.mark.parametrize("handler", _BODIES)
@pytest.mark.parametrize("body", _BODIES)
def test_handlers_call_guests_anywhere(body: str, handler: str) -> None:
    """A handler that makes modules and instances, and calls guests, does neither harm nor wait, wherever it comes."""
    run, handle = _BODIES[body](), _BODIES[handler]()
    run()  # what is imported is there then
    handle()
    at_lines = AtLines(handle, first_times())
    at_lines.run(run)
    assert at_lines.errors == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # also where objects are given back
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")  # they were about to be
@pytest.mark.parametrize("body", _BODIES)
def test_handlers_raise_anywhere(body: str) -> None:
    """What a handler raises, as Ctrl-C's does, ends what it comes in the middle of, and all works behind it."""

    def handle() -> None:
        raise KeyboardInterrupt

    run = _BODIES[body]()
    run()
    pick = first_times()
    is_over = False

    def once(line: Line) -> bool:
        nonlocal is_over
        is_picked = not is_over and pick(line)
        is_over = is_over or is_picked
        return is_picked

    at_lines = AtLines(handle, once)
    raised = 0
    while True:
        is_over = False
        try:
            at_lines.run(run)
        except KeyboardInterrupt:
            raised += 1
        if not is_over:
            break
        run()
    assert raised > 100


def test_no_lock_waits_for_its_own_thread() -> None:
    """A lock that a handler may find taken by the thread that it runs in is reentrant. The others are named here."""
    sleeps = {"memory.py", "turn.py"}  # locks that one thread takes and another gives back, to sleep
    barriers = {"native_stream.py"}  # one that nobody else knows
    own_threads = {"pipeline.py"}  # taken by a thread of ours, in which no handler runs, and where the process ends
    found = set()
    package = Path(jormun.__file__).parent
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name == "Lock":
                    found.add(path.name)
    assert found == sleeps | barriers | own_threads
