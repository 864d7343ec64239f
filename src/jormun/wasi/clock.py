"""Clocks: clock_res_get, clock_time_get."""

from __future__ import annotations

import time as host_time
from collections.abc import Callable

from jormun.hints import Final
from jormun.wasi.abi import SUCCESS, ClockId
from jormun.wasi.errno import Errno, WasiError
from jormun.wasi.function import U32, U64, Pointer, wasi_function
from jormun.wasi.wasi import Wasi

CLOCKS: Final[tuple[Callable[[], int], ...]] = (
    host_time.time_ns,
    host_time.monotonic_ns,
    host_time.process_time_ns,
    host_time.thread_time_ns,
)
"""By ClockId: what reads the clock, in nanoseconds."""

_HOST_NAMES: Final = ("time", "monotonic", "process_time", "thread_time")
"""By ClockId: the clock's name for time.get_clock_info."""


@wasi_function
def clock_res_get(wasi: Wasi, clock_id: U32, resolution: Pointer) -> int:
    """Tells the resolution of a clock.

    clock_id: ClockId
    resolution: where to write the resolution in nanoseconds, 8 bytes

    EINVAL: there is no such clock
    EFAULT: `resolution` is outside of the memory
    """
    if clock_id >= len(ClockId):
        raise WasiError(Errno.EINVAL)
    seconds = host_time.get_clock_info(_HOST_NAMES[clock_id]).resolution
    wasi.memory.write_u64(resolution, max(1, round(seconds * 1e9)))
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
    if clock_id >= len(CLOCKS):
        raise WasiError(Errno.EINVAL)
    wasi.memory.write_u64(time, CLOCKS[clock_id]() & 0xFFFF_FFFF_FFFF_FFFF)
    return SUCCESS
