"""Clocks: clock_res_get, clock_time_get."""

from __future__ import annotations

from jormun.wasi.abi import SUCCESS, ClockId
from jormun.wasi.errno import Errno
from jormun.wasi.function import U32, U64, Pointer, wasi_function
from jormun.wasi.wasi import Wasi


@wasi_function
def clock_res_get(wasi: Wasi, clock_id: U32, resolution: Pointer) -> int:
    """Tells the resolution of a clock.

    clock_id: ClockId
    resolution: where to write the resolution in nanoseconds, 8 bytes

    EINVAL: there is no such clock
    EFAULT: `resolution` is outside of the memory
    """
    if clock_id >= len(ClockId):
        return Errno.EINVAL
    wasi.memory.write_u64(resolution, wasi.clocks.resolution_ns(ClockId(clock_id)))
    return SUCCESS


@wasi_function
def clock_time_get(wasi: Wasi, clock_id: U32, precision_ns: U64, time: Pointer) -> int:
    """Tells the time of a clock.

    clock_id: ClockId. REALTIME counts from 1970-01-01 00:00 UTC, MONOTONIC from an unspecified moment and never
        backwards, the others count the processor's time that the process or thread has used
    precision_ns: how much the time may be off; all times are as exact as the host has them
    time: where to write the time in nanoseconds, 8 bytes

    EINVAL: there is no such clock
    EFAULT: `time` is outside of the memory
    """
    # FAST: programs read clocks by the million; a look-up that fails costs nothing when it does not
    try:
        read = wasi.clocks.readers[clock_id]
    except IndexError:
        return Errno.EINVAL
    memory = wasi.memory
    if not time & 7 and time + 8 <= memory.size_bytes:  # FAST: as write_u64
        memory.words64[time >> 3] = read()
    else:
        memory.write_u64(time, read())
    return SUCCESS
