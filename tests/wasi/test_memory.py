"""A guest's memory: every access is checked."""

from __future__ import annotations

from struct import pack

import pytest

from jormun.wasi.errno import Errno, WasiError
from jormun.wasi.memory import IOVECS, TRANSFER_BYTES, GuestMemory

from .fake_guest import FakeMemory


@pytest.fixture
def fake() -> FakeMemory:
    return FakeMemory(256)


@pytest.fixture
def memory(fake: FakeMemory) -> GuestMemory:
    memory = GuestMemory()
    memory.attach(fake)
    return memory


@pytest.mark.parametrize(("address", "size"), [(0, 257), (256, 1), (255, 2), (2**32 - 1, 1), (2**32 - 1, 2**32 - 1)])
def test_outside_is_efault(memory: GuestMemory, address: int, size: int) -> None:
    """No sum of address and size wraps around."""
    with pytest.raises(WasiError) as caught:
        memory.span(address, size)
    assert caught.value.errno is Errno.EFAULT


@pytest.mark.parametrize(("address", "size"), [(0, 0), (256, 0), (0, 256), (255, 1)])
def test_edges_are_inside(memory: GuestMemory, address: int, size: int) -> None:
    """The last byte is inside; so is nothing at the end."""
    assert len(memory.span(address, size)) == size


def test_before_a_memory_is_there_all_is_outside() -> None:
    """A start function that calls WASI without a memory gets EFAULT."""
    with pytest.raises(WasiError):
        GuestMemory().write_u32(0, 1)


def test_growth_is_seen(fake: FakeMemory, memory: GuestMemory) -> None:
    """An address that a growth has made is inside at once."""
    fake.data = bytearray(512)
    memory.write_u32(508, 7)
    assert fake.data[508] == 7


def test_buffers_leave_out_empty_ones(memory: GuestMemory, fake: FakeMemory) -> None:
    """Empty buffers may point anywhere."""
    fake.data[0:24] = pack("<IIIIII", 100, 3, 0xFFFF_FFFF, 0, 200, 5)
    assert [len(buffer) for buffer in memory.buffers(0, 3)] == [3, 5]


def test_a_buffer_outside_is_efault(memory: GuestMemory, fake: FakeMemory) -> None:
    """Also when others before it are inside."""
    fake.data[0:16] = pack("<IIII", 100, 3, 250, 7)
    with pytest.raises(WasiError):
        memory.buffers(0, 2)


def test_more_buffers_than_the_host_takes(fake: FakeMemory, memory: GuestMemory) -> None:
    """What is beyond is not looked at: the call moves less."""
    fake.data = bytearray(pack("<II", 0, 1) * (IOVECS + 10))
    assert len(memory.buffers(0, IOVECS + 10)) == IOVECS


def test_more_bytes_than_a_count_holds(fake: FakeMemory, memory: GuestMemory) -> None:
    """Buffers that overlap can name more than there is; the sum stays below 2**31."""
    size = 64 << 20
    fake.data = bytearray(size)
    fake.data[: 8 * 100] = pack("<II", 0, size) * 100
    assert sum(map(len, memory.buffers(0, 100))) == TRANSFER_BYTES


@pytest.mark.parametrize("size", [0, 3, 4, 7, 8, 12, 1001, 1004, 1007])
def test_every_size_and_alignment(size: int) -> None:
    """Numbers and iovecs are inside or outside, at any address of a memory of any number of bytes."""
    fake = FakeMemory(size)
    memory = GuestMemory()
    memory.attach(fake)
    for address in range(max(0, size - 24), size + 9):
        for width, write in ((4, memory.write_u32), (8, memory.write_u64)):
            before = bytes(fake.data)
            try:
                write(address, 1)
            except WasiError as error:
                assert (error.errno, bytes(fake.data)) == (Errno.EFAULT, before)
                assert address + width > size
            else:
                assert fake.data[address : address + width] == (1).to_bytes(width, "little")
        fake.data[:] = bytes(size)
        if address + 8 <= size:
            assert len(memory.buffers(address, 1)) == 0
        else:
            with pytest.raises(WasiError):
                memory.buffers(address, 1)
