"""Whole lives of modules and instances, short, for tests that disturb them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import jormun

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


class Modules:
    """Each call is the life of a module, which is new, and of an instance."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1
        number, seen = self.count, list[object]()
        text = _TEXT.replace("NUMBER", str(number))
        _use(jormun.load(text, _imports(number, seen), config=_CONFIG), number, seen)


class Instances:
    """Each call is the life of three instances of one module, whose parts come from others that have died."""

    def __init__(self) -> None:
        self._module = jormun.Module(_TEXT.replace("NUMBER", "7"), config=_CONFIG)

    def __call__(self) -> None:
        for _ in range(3):
            seen = list[object]()
            _use(self._module.instantiate(_imports(7, seen)), 7, seen)


class Waits:
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


LIVES = {"modules": Modules, "instances": Instances, "waits": Waits}
