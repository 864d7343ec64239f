"""Python functions that guests call: exceptions pass through the guest unchanged, activations nest, nothing leaks."""

from __future__ import annotations

import ctypes
import gc
import signal
import subprocess
import sys
import traceback
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jormun.errors import ExhaustionError, HostError, Trap, TrapKind
from jormun.runtime import layout
from jormun.runtime.native import pages
from jormun.runtime.native.calls import LLVM_TYPES, Signature, parameter_types
from jormun.runtime.native.machine import Native
from jormun.runtime.native.pages import Block
from tests import linking
from tests.passing import DECLARATIONS, give, take

CALL_HOST = """
fn i64 @f0(ptr %vm, i64 %n) {
  %code = load ptr, ptr %vm
  %at = getelementptr i8, ptr %vm, i64 8
  %host = load ptr, ptr %at
  %r = call i64 %code(ptr %host, i64 %n)
  %s = add i64 %r, 1
  ret i64 %s
}
fn i64 @f1(ptr %vm, i64 %n) {
  %r = call i64 @f0(ptr %vm, i64 %n)
  %s = add i64 %r, 1
  ret i64 %s
}
fn i64 @f2(ptr %vm, i64 %n) {
  br label %again
again:
  %r = call i64 @f0(ptr %vm, i64 %n)
  br label %again
}
"""
ONE = Signature("l", "l")


class Caller:
    """A guest whose f0 and f1 call `callback(n)`."""

    def __init__(self, load: Any, callback: Callable[[int], int]) -> None:
        def on_slots(address: int) -> None:
            pages.write_u64(address, callback(pages.read_u64(address)))

        self.guest = load(CALL_HOST)
        self.host = linking.host_function(load.native, ONE, on_slots)
        self.record = Block(16)
        self.record.write_u64(0, self.host.code)
        self.record.write_u64(8, self.host.vm)

    def __call__(self, n: int, name: str = "f1") -> int:
        (result,) = self.guest.call(name, "l", "l", n, vm=self.record.address)
        return int(result)


@pytest.mark.parametrize("kind", [KeyError, KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError, Trap])
def test_exception_passes_unchanged(load: Any, kind: type[BaseException]) -> None:
    """The very object arrives, with the callback in its traceback; the guest can be called again."""
    error = kind("message") if kind is not Trap else Trap(TrapKind.UNREACHABLE)

    def fail(n: int) -> int:
        if n == 0:
            raise error
        return n

    caller = Caller(load, fail)
    for _ in range(3):
        with pytest.raises(kind) as caught:
            caller(0)
        assert caught.value is error
        names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
        assert names[-1] == "fail"
        assert caller(40) == 42


def test_cause_and_context_are_kept(load: Any) -> None:
    """Chained exceptions stay chained, and no error of ours is added."""

    def fail(n: int) -> int:
        try:
            raise ValueError("inner")
        except ValueError as error:
            raise LookupError("outer") from error

    with pytest.raises(LookupError) as caught:
        Caller(load, fail)(0)
    assert isinstance(caught.value.__cause__, ValueError)


def test_asynchronous_exception_at_the_start_of_a_callback(load: Any) -> None:
    """A Python signal handler that raises as the callback begins, before its first line, is not lost."""

    class Alarm(Exception):
        pass

    def on_alarm(number: int, frame: object) -> None:
        raise Alarm

    caller = Caller(load, lambda n: n)
    previous = signal.signal(signal.SIGALRM, on_alarm)
    try:
        for _ in range(20):
            with pytest.raises(Alarm):
                signal.setitimer(signal.ITIMER_REAL, 0.005)  # not before: a busy machine may be as late as that
                caller(0, "f2")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def test_nested_activations(load: Any) -> None:
    """Host, guest, host, guest and so on, 200 deep, return in order. Python 3.12 allows some 250, later ones more."""
    depths = []

    def down(n: int) -> int:
        depths.append(n)
        return caller(n - 1) if n else 1000

    caller = Caller(load, down)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(5000)
    try:
        assert caller(200) == 1000 + 2 * 201
    finally:
        sys.setrecursionlimit(limit)
    assert depths == list(range(200, -1, -1))


def test_trap_in_nested_activation_ends_that_one_alone(load: Any) -> None:
    """A callback may catch the trap of a guest that it called; the outer guest goes on, and returns without one."""
    inner = load("fn void @f5(ptr %vm) {\n  call void @jormun_trap(i32 1)\n  unreachable\n}")

    def catch(n: int) -> int:
        with pytest.raises(Trap):
            inner.call("f5", "", "")
        return n

    assert Caller(load, catch)(5) == 7


def test_backtrace_crosses_host_calls(load: Any) -> None:
    """The frames of the outer guest follow those of the inner one."""
    inner = load("fn void @f5(ptr %vm) {\n  call void @jormun_trap(i32 1)\n  unreachable\n}")

    def descend(n: int) -> int:
        inner.call("f5", "", "")
        return 0

    with pytest.raises(Trap) as caught:
        Caller(load, descend)(0)
    assert [frame.function_index for frame in caught.value.backtrace] == [5, 0, 1]


def test_mutual_recursion_ends(load: Any) -> None:
    """Guest and host that call each other for ever end in RecursionError or ExhaustionError."""
    caller = Caller(load, lambda n: caller(n + 1))
    for _ in range(3):
        with pytest.raises((RecursionError, ExhaustionError)):
            caller(0)


ENDLESS = """
import sys, threading
sys.path[:0] = {path!r}
from conftest import Guest
from jormun.errors import ExhaustionError
from jormun.runtime.native.machine import Native
from tests.passing import DECLARATIONS, give, take
from test_native_host import Caller
class Load:
    native = Native.get()
    def __call__(self, text): return Guest(self.native, text)
sys.setrecursionlimit(10**8)
caller = Caller(Load(), lambda n: caller(n + 1))
def run():
    try:
        caller(0)
    except (RecursionError, ExhaustionError) as error:
        print(type(error).__name__, error.args[0], [frame.function_index for frame in error.backtrace][:4])
run()
threading.stack_size(512 << 10)
thread = threading.Thread(target=run)
thread.start()
thread.join()
"""


def test_mutual_recursion_ends_without_pythons_limit(request: pytest.FixtureRequest) -> None:
    """With no recursion limit to speak of, it is the stack of the host that ends it, on small stacks too."""
    if sys.version_info >= (3, 12):
        pytest.skip("later versions of Python bound their use of the stack themselves")
    text = ENDLESS.format(path=[str(request.path.parent), *filter(None, sys.path)])
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == "ExhaustionError call stack exhausted [0, 1, 0, 1]\n" * 2


def test_mutual_recursion_ends_by_pythons_limit(load: Any) -> None:
    """It is a RecursionError wherever Python notices, inside of ctypes too, or the stack of the host that ends it."""

    def down(n: int) -> int:
        buffer = ctypes.create_string_buffer(8)
        pages.read_bytes(ctypes.addressof(buffer), 8)
        return caller(n + 1)

    caller = Caller(load, down)
    limit = sys.getrecursionlimit()
    for deep in (limit, 100_000):
        sys.setrecursionlimit(deep)
        try:
            with pytest.raises((RecursionError, ExhaustionError)):
                caller(0)
        finally:
            sys.setrecursionlimit(limit)


def test_argument_error_of_a_callback_passes_unchanged(load: Any) -> None:
    """One that ctypes raises inside of a host function is not taken for one of our own call."""
    raised = ctypes.ArgumentError("the host's own")

    def fail(n: int) -> int:
        raise raised

    with pytest.raises(ctypes.ArgumentError) as caught:
        Caller(load, fail)(1)
    assert caught.value is raised


def test_callback_may_drop_its_own_function(load: Any, native: Native) -> None:
    """The callable lives until the call ends, though its owner went away within."""
    holder: dict[str, linking.HostFunction] = {}

    def drop(address: int) -> None:
        holder.clear()
        gc.collect()

    holder["function"] = linking.host_function(native, Signature("", ""), drop)
    reference = weakref.ref(drop)
    code, vm = holder["function"].code, holder["function"].vm
    del drop
    load.call(native, code, vm, Signature("", ""))
    gc.collect()
    assert reference() is None


def test_results_of_callbacks_do_not_leak(load: Any) -> None:
    """100,000 calls, half of which raise, leave no objects behind."""

    def sometimes(n: int) -> int:
        if n & 1:
            raise KeyError(n)
        return n

    caller = Caller(load, sometimes)
    for n in range(2000):
        _swallow(caller, n)
    gc.collect()
    before = sys.getallocatedblocks()
    for n in range(100_000):
        _swallow(caller, n)
    gc.collect()
    assert sys.getallocatedblocks() - before < 1000


def _swallow(caller: Caller, n: int) -> None:
    try:
        caller(n)
    except KeyError:
        pass


def test_switched_stacks_are_noticed(load: Any, native: Native) -> None:
    """When another activation is innermost as a callback returns, the guest is left instead of run on a broken
    stack.
    """
    context = native.stacks.current().context

    def switch(n: int) -> int:
        pages.write_u64(context + layout.CONTEXT_ACTIVATION, 12345678)
        return n

    with pytest.raises(HostError, match="greenlet"):
        Caller(load, switch)(1)
    assert Caller(load, lambda n: n)(1) == 3


class Answers:
    """Services that note what they were asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.answer: Callable[[], int] = lambda: -1

    def _ask(self, *arguments: object) -> int:
        self.asked.append(arguments)
        return self.answer()

    compile = memory_grow = table_grow = memory_wait32 = memory_wait64 = memory_notify = is_subtype = tier_up = _ask
    refuel = throw = heap_more = heap_large = _ask


@pytest.fixture
def answers(native: Native) -> Iterator[Answers]:
    """Services installed for one test."""
    services = Answers()
    previous = native.install(services)
    yield services
    if previous is not None:
        native.install(previous)


SERVICES = """
fn i64 @f0(ptr %vm) {
  %r = call i64 @jormun_memory_grow(ptr %vm, i32 4000000000, i64 -5)
  ret i64 %r
}
fn i64 @f1(ptr %vm) {
  %r = call i64 @jormun_table_grow(ptr %vm, i32 1, i64 2, i64 3)
  ret i64 %r
}
fn i32 @f2(ptr %vm) {
  %r = call i32 @jormun_memory_wait32(ptr %vm, i32 1, i64 2, i32 -3, i64 -1)
  ret i32 %r
}
fn i32 @f3(ptr %vm) {
  %r = call i32 @jormun_is_subtype(i64 8, i64 9)
  ret i32 %r
}
"""


def test_services(load: Any, answers: Answers) -> None:
    """Arguments arrive unsigned, results return with their sign."""
    guest = load(SERVICES)
    assert guest.call("f0", "", "l", vm=96) == (-1,)
    assert guest.call("f1", "", "l", vm=96) == (-1,)
    answers.answer = lambda: 2
    assert guest.call("f2", "", "i", vm=96) == (2,)
    answers.answer = lambda: True
    assert guest.call("f3", "", "i", vm=96) == (1,)
    assert answers.asked == [
        (96, 4000000000, (1 << 64) - 5),
        (96, 1, 2, 3),
        (96, 1, 2, (1 << 32) - 3, (1 << 64) - 1),
        (8, 9),
    ]


def test_trap_raised_by_a_service_gets_the_backtrace(load: Any, answers: Answers) -> None:
    """A service traps by raising Trap; where the guest was is added."""

    def trap() -> int:
        raise Trap(TrapKind.EXPECTED_SHARED_MEMORY)

    answers.answer = trap
    with pytest.raises(Trap) as caught:
        load(SERVICES).call("f2", "", "i", vm=96)
    assert caught.value.kind is TrapKind.EXPECTED_SHARED_MEMORY
    assert [frame.function_index for frame in caught.value.backtrace] == [2]


def _lazy_guest(letters: str) -> str:
    """f0 calls entry 0 of the code table with its own arguments."""
    names = ["%vm", "%results", *(f"%p{k}" for k in range(len(letters)))]
    types = parameter_types(Signature(letters, letters))
    params, entry = take(types, names)
    arguments, passing = give(types, names)
    lines = [DECLARATIONS, f"fn void @f0({params}) {{", *entry]
    lines += ["%table = load ptr, ptr %vm", "%code = load ptr, ptr %table", *passing, f"call void %code({arguments})"]
    lines += ["ret void", "}", f"fn void @f1({params}) {{", *entry]
    for k, letter in enumerate(letters):
        lines.append(f"%at{k} = getelementptr i8, ptr %results, i64 {16 * k}")
        lines.append(f"store {LLVM_TYPES[letter]} %p{k}, ptr %at{k}, align 8")
    return "\n".join([*lines, "ret void", "}"])


@pytest.mark.parametrize("letters", ["ll", "illlllll", "iffdddddvvf", "lvlvlvlvlvlvlvlvlvlvff"])
def test_stub_compiles_at_the_first_call(load: Any, native: Native, answers: Answers, letters: str) -> None:
    """A stub keeps all arguments; once the table holds the code it is not asked again."""
    guest = load(_lazy_guest(letters))
    table = native.stubs.table(3)
    vm = Block(64)
    vm.write_u64(layout.VM_CODE_TABLE, table.address)

    def compile() -> int:
        table.write_u64(0, guest["f1"])
        return int(guest["f1"])

    answers.answer = compile
    values = tuple(
        {"i": k + 1, "l": -k, "f": k + 0.5, "d": k + 0.25, "v": bytes(range(k, k + 16))}[letter]
        for k, letter in enumerate(letters)
    )
    for _ in range(3):
        assert guest.call("f0", letters, letters, *values, vm=vm.address) == values
    assert answers.asked == [(vm.address, 0)]


@pytest.mark.parametrize("index", [0, 1, 511, 512, 20_000])
def test_stubs_know_their_function(load: Any, native: Native, answers: Answers, index: int) -> None:
    """The table of a large module leads to stubs with the right numbers."""

    def fail() -> int:
        raise LookupError("cannot compile")

    answers.answer = fail
    table = native.stubs.table(20_001)
    with pytest.raises(LookupError, match="cannot compile"):
        load.call(native, table.read_u64(8 * index), 64, Signature("", ""))
    assert answers.asked == [(64, index)]
