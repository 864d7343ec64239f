"""Memories, as the host sees them and as guests grow and share them."""

from __future__ import annotations

import os
import signal
import struct
import threading
import time

import pytest

from jormun.errors import ExhaustionError, Trap, TrapKind
from jormun.runtime.interruption import Interruption, running_under
from jormun.runtime.limits import Limits
from jormun.runtime.memory import Memory
from jormun.runtime.store import Store
from jormun.runtime.waiters import WAIT_NOT_EQUAL, WAIT_OK, WAIT_TIMED_OUT
from jormun.types import I64, MemoryType
from jormun.types import Limits as Bounds

PAGE = 65536


def memory_of(minimum: int, maximum: int | None = None, store: Store | None = None, **options: object) -> Memory:
    return Memory(store or Store(), MemoryType(Bounds(minimum, maximum), **options))  # type: ignore[arg-type]


def test_a_new_memory_is_zero_and_of_its_minimum() -> None:
    """Its pages are there, and hold zeros."""
    memory = memory_of(2)
    assert (memory.size_pages, memory.size_bytes, len(memory)) == (2, 2 * PAGE, 2 * PAGE)
    assert not any(memory.view())


def test_read_and_write() -> None:
    """Bytes written are read back, at both ends of the memory."""
    memory = memory_of(1)
    memory.write(0, b"abc")
    memory.write(PAGE - 2, bytearray(b"yz"))
    assert memory.read(0, 4) == b"abc\0"
    assert memory.read(PAGE - 2, 2) == b"yz"
    assert memory.read(PAGE, 0) == b""


@pytest.mark.parametrize(("address", "size"), [(PAGE - 1, 2), (PAGE + 1, 0), (-1, 1), (0, -1), (2**64, 1)])
def test_outside_is_an_index_error(address: int, size: int) -> None:
    """Nothing outside is read or written, negative places included."""
    memory = memory_of(1)
    with pytest.raises(IndexError, match="outside of a memory of 65536 bytes"):
        memory.read(address, size)
    if size > 0:
        with pytest.raises(IndexError):
            memory.write(address, bytes(size))


def test_items_and_slices_are_those_of_a_bytearray() -> None:
    """Indexing gives ints, slicing bytes; both may be set."""
    memory = memory_of(1)
    memory[0:3] = b"abc"
    memory[-1] = 7
    assert (memory[1], memory[-1], memory[0:5:2]) == (ord("b"), 7, b"ac\0")
    with pytest.raises(IndexError):
        memory[PAGE]
    with pytest.raises(ValueError, match="structure"):
        memory[0:3] = b"ab"
    with pytest.raises(TypeError):
        memory[0:3] = 1


def test_growing_keeps_contents_address_and_views() -> None:
    """A memory never moves: a view from before sees what is written after."""
    memory = memory_of(1, 3)
    memory.write(0, b"a")
    base, view = memory.base, memory.view()
    assert (memory.grow(1), memory.grow(0), memory.size_pages) == (1, 2, 2)
    assert memory.base == base
    memory.write(0, b"b")
    assert view[0] == ord("b")
    assert len(memory.view()) == 2 * PAGE
    memory.write(2 * PAGE - 1, b"z")


def test_growing_beyond_the_maximum_fails() -> None:
    """The host gets an exception, the instruction -1, and nothing changes."""
    memory = memory_of(1, 2)
    with pytest.raises(ExhaustionError, match="cannot grow by 2: its maximum is 2 pages"):
        memory.grow(2)
    assert memory.try_grow(2) == -1
    assert memory.try_grow(2**64 - 1) == -1
    assert memory.size_pages == 1
    with pytest.raises(ValueError, match="-1"):
        memory.grow(-1)


def test_a_view_outlives_its_memory() -> None:
    """Whoever holds a view may use it."""
    memory = memory_of(1)
    view = memory.view()
    del memory
    view[PAGE - 1] = 1
    assert view[PAGE - 1] == 1


def test_released_views() -> None:
    """Whoever releases a view takes nothing from others."""
    memory = memory_of(1)
    memory.write(0, b"ab")
    with memory.view():
        pass
    assert memory.read(0, 2) == b"ab" and len(memory.view()) == PAGE


def test_typed_arrays() -> None:
    """`array` gives any part as any type, aligned or not, and nothing outside of the memory."""
    numpy = pytest.importorskip("numpy")
    memory = memory_of(1, 2)
    array = memory.array(3, (2, 3), "f8")
    assert (array.shape, array.dtype) == ((2, 3), numpy.float64)
    array[1, 2] = 1.5
    assert struct.unpack("<d", memory.read(3 + 5 * 8, 8)) == (1.5,)
    memory.grow(1)
    array[0, 0] = 2.5
    assert memory.array(PAGE - 8, 2, "u8").shape == (2,)
    for address, shape in ((-1, 1), (2 * PAGE - 7, 1), (0, PAGE), (2 * PAGE + 1, 0), (0, (1 << 40, 1 << 40))):
        with pytest.raises(IndexError, match="outside of a memory of 131072 bytes"):
            memory.array(address, shape, "f8")
    with pytest.raises(TypeError, match="Python objects"):
        memory.array(0, 1, object)
    with pytest.raises(ValueError, match="shape"):
        memory.array(0, (1, -1))
    del memory
    array[1, 1] = 1


def test_64_bit_memories_and_other_pages() -> None:
    """Pages may have one byte; 64-bit memories end where their reservation does."""
    small = memory_of(3, 10, page_size_log2=0)
    assert (small.size_bytes, small.grow(2), small.size_bytes) == (3, 3, 5)
    large = memory_of(1, None, address=I64)
    assert large.try_grow(1 << 40) == -1
    assert large.grow(1) == 1


def test_the_limit_of_a_store_is_for_all_its_memories() -> None:
    """Memories share the store's budget, and give back what they had when they die."""
    store = Store(limits=Limits(memory=3 * PAGE))
    first, second = memory_of(1, store=store), memory_of(1, store=store)
    assert first.grow(1) == 1
    with pytest.raises(ExhaustionError, match="all memories and tables of a store may have 196,608 bytes"):
        second.grow(1)
    with pytest.raises(ExhaustionError, match="a memory of 1 pages is beyond the limits"):
        memory_of(1, store=store)
    del first
    assert second.grow(2) == 1


def test_guests_and_host_grow_one_memory(make) -> None:
    """Each sees the size that the other made."""
    instance = make("""(module (memory (export "memory") 1 4)
      (func (export "size") (result i32) (memory.size))
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
      (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))))""")
    memory, load = instance.exports["memory"], instance.exports["load"]
    with pytest.raises(Trap) as trapped:
        load.call(PAGE)
    assert trapped.value.kind is TrapKind.MEMORY_OUT_OF_BOUNDS
    assert memory.grow(1) == 1
    assert (instance.exports["size"].call(), load.call(PAGE)) == (2, 0)
    assert instance.exports["grow"].call(2) == 2
    memory.write(4 * PAGE - 1, b"\x07")
    assert load.call(4 * PAGE - 1) == 7
    assert instance.exports["grow"].call(1) == -1


@pytest.mark.parametrize("size", [4, 8])
def test_wait_compares_and_times_out(size: int) -> None:
    """A thread does not sleep when the memory has changed, and not longer than it may."""
    memory = memory_of(1, 1, is_shared=True)
    memory.write(8, b"\1")
    assert memory.wait(8, 0, size, -1) == WAIT_NOT_EQUAL
    start = time.monotonic()
    assert memory.wait(8, 1, size, 20_000_000) == WAIT_TIMED_OUT
    assert time.monotonic() - start >= 0.02
    assert memory.notify(8, 1) == 0


def test_notify_wakes_as_many_as_it_says() -> None:
    """Threads that wait elsewhere sleep on."""
    memory = memory_of(1, 1, is_shared=True)
    results: list[tuple[int, int]] = []

    def wait(address: int, timeout_ns: int) -> None:
        results.append((address, memory.wait(address, 0, 4, timeout_ns)))

    threads = [threading.Thread(target=wait, args=(0, -1)) for _ in range(3)]
    threads.append(threading.Thread(target=wait, args=(4, 300_000_000)))
    for thread in threads:
        thread.start()
    woken = 0
    while woken < 2:
        woken += memory.notify(0, 2 - woken)
        time.sleep(0.001)
    while memory.notify(0, 10) == 0:
        time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert sorted(results) == [(0, WAIT_OK), (0, WAIT_OK), (0, WAIT_OK), (4, WAIT_TIMED_OUT)]


def test_atomic_waits_check_their_address_first() -> None:
    """Unaligned, then out of bounds, then not shared."""
    memory = memory_of(1)
    for address, size, kind in [
        (2, 4, TrapKind.UNALIGNED_ATOMIC),
        (4, 8, TrapKind.UNALIGNED_ATOMIC),
        (PAGE, 4, TrapKind.MEMORY_OUT_OF_BOUNDS),
        (0, 4, TrapKind.EXPECTED_SHARED_MEMORY),
    ]:
        with pytest.raises(Trap) as trapped:
            memory.wait(address, 0, size, 0)
        assert trapped.value.kind is kind
    assert memory.notify(0, 1) == 0


def test_waiters_are_woken_in_the_order_of_their_coming() -> None:
    """Nobody who waits is overtaken."""
    memory = memory_of(1, 1, is_shared=True)
    woken: list[int] = []
    threads: list[threading.Thread] = []

    def wait(number: int) -> None:
        memory.wait(0, 0, 4, -1)
        woken.append(number)

    for number in range(4):
        threads.append(threading.Thread(target=wait, args=(number,)))
        threads[-1].start()
        while len(memory._waiters or ()) <= number:
            time.sleep(0.001)
    for thread in threads:
        assert memory.notify(0, 1) == 1
        thread.join()
    assert woken == [0, 1, 2, 3]


def test_no_wake_up_is_lost() -> None:
    """Two threads that wait for each other's word, thousands of times, with a notification each."""
    memory = memory_of(1, 1, is_shared=True)
    rounds = 3000

    def play(own: int, others: int) -> None:
        for k in range(rounds):
            memory.write(others, (k + 1).to_bytes(4, "little"))
            memory.notify(others, 1)
            while int.from_bytes(memory[own : own + 4], "little") == k:
                assert memory.wait(own, k, 4, 60_000_000_000) != WAIT_TIMED_OUT

    threads = [threading.Thread(target=play, args=pair) for pair in ((0, 8), (8, 0))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not memory._waiters


def test_an_interrupted_wait_is_left() -> None:
    """By a trap, whether the wait has begun or is to come; and nothing is left behind."""
    memory = memory_of(1, 1, is_shared=True)
    interruption = Interruption()
    kinds: list[TrapKind] = []

    def wait() -> None:
        with running_under(interruption):
            for _ in range(2):
                with pytest.raises(Trap) as trapped:
                    memory.wait(0, 0, 4, -1)
                kinds.append(trapped.value.kind)

    thread = threading.Thread(target=wait)
    thread.start()
    while not memory._waiters:
        time.sleep(0.001)
    interruption.interrupt()
    interruption.interrupt()
    thread.join()
    interruption.close()
    assert kinds == [TrapKind.INTERRUPTED] * 2
    assert not memory._waiters


def test_a_signal_ends_a_wait() -> None:
    """In the main thread, by what its handler raises."""
    memory = memory_of(1, 1, is_shared=True)

    def handler(number: int, frame: object) -> None:
        raise InterruptedError("a signal")

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1))
        timer.start()
        with pytest.raises(InterruptedError, match="a signal"):
            memory.wait(0, 0, 4, -1)
        timer.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert memory.notify(0, 1) == 0
