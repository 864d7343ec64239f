"""clock_res_get and clock_time_get, of the clocks of the host."""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime.native import x86_64
from jormun.runtime.native.wasi.call import NativeCall, place

_CLOCKS: Final = 4
"""REALTIME, MONOTONIC, PROCESS_CPUTIME_ID, THREAD_CPUTIME_ID: clock_gettime(2) numbers them alike."""
REALTIME: Final = 0
C_STACK_BYTES: Final = 4096
"""More stack than clock_gettime(2) takes, which is a function of the kernel's in user space."""
_CLOCK_GETRES: Final = 229

TIMESPEC: Final = "  %timespec = alloca {i64, i64}"
_KNOWN: Final = f"""
  %is.clock = icmp ult i32 %clock, {_CLOCKS}
  br i1 %is.clock, label %known, label %python
known:
"""
# Lines that define %time as the nanoseconds in %timespec. A product that overflows is cut to 64 bits, as Python does.
NANOSECONDS: Final = """
  %seconds = load i64, ptr %timespec
  %rest.at = getelementptr i8, ptr %timespec, i64 8
  %rest = load i64, ptr %rest.at
  %whole = mul i64 %seconds, 1000000000
  %time = add i64 %whole, %rest
"""

_CLOCK_TIME_GET: Final = NativeCall(
    "clock_time_get",
    ("i32 %clock", "i64 %precision", "i32 %result"),
    f"""
{place("%place", "%result", 8)}
{_KNOWN}
  %failed = call i32 @clock_gettime(i32 %clock, ptr %timespec)
  %is.read = icmp eq i32 %failed, 0
  br i1 %is.read, label %answer, label %python
answer:
{NANOSECONDS}
  store i64 %time, ptr %place, align 1
  ret i32 0
""",
    frame=TIMESPEC,
    stack_bytes=C_STACK_BYTES,
)

_CLOCK_RES_GET: Final = NativeCall(
    "clock_res_get",
    ("i32 %clock", "i32 %result"),
    f"""
{place("%place", "%result", 8)}
{_KNOWN}
  %clock.64 = zext i32 %clock to i64
  %failed = {x86_64.SYSTEM_CALL}(
    i64 {_CLOCK_GETRES}, i64 %clock.64, ptr %timespec, i64 0, i64 0, i64 0, i64 0)
  %is.read = icmp eq i64 %failed, 0
  br i1 %is.read, label %answer, label %python
answer:
{NANOSECONDS}
  store i64 %time, ptr %place, align 1
  ret i32 0
""",
    frame=TIMESPEC,
)

CALLS: Final = (_CLOCK_TIME_GET, _CLOCK_RES_GET)
