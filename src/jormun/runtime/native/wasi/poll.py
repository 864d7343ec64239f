"""poll_oneoff, where all that is waited for is that no time passes: as event loops ask that have work to do."""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime.native.wasi.call import NativeCall, place

_SUBSCRIPTION_BYTES: Final = 48
_TAG, _CLOCK, _TIMEOUT, _FLAGS = 8, 16, 24, 40
"""Where in a subscription these are. The tag of a clock is 0, and so are the flags of a duration."""
_CLOCKS: Final = 2
"""REALTIME and MONOTONIC: the others cannot be waited for."""
_EVENT_BYTES: Final = 32

# The subscription is read before anything is written: the guest may have all of them overlap. Of an event of a clock
# all is zero but the user data.
CALLS: Final = (
    NativeCall(
        "poll_oneoff",
        ("i32 %in", "i32 %out", "i32 %count", "i32 %result"),
        f"""
  %is.one = icmp eq i32 %count, 1
  br i1 %is.one, label %one, label %python
one:
{place("%subscription", "%in", _SUBSCRIPTION_BYTES)}
{place("%event", "%out", _EVENT_BYTES)}
{place("%place", "%result", 4)}
  %userdata = load i64, ptr %subscription, align 1
  %tag.at = getelementptr i8, ptr %subscription, i64 {_TAG}
  %tag.8 = load i8, ptr %tag.at
  %tag = zext i8 %tag.8 to i64
  %clock.at = getelementptr i8, ptr %subscription, i64 {_CLOCK}
  %clock = load i32, ptr %clock.at, align 1
  %timeout.at = getelementptr i8, ptr %subscription, i64 {_TIMEOUT}
  %timeout = load i64, ptr %timeout.at, align 1
  %flags.at = getelementptr i8, ptr %subscription, i64 {_FLAGS}
  %flags.16 = load i16, ptr %flags.at, align 1
  %flags = zext i16 %flags.16 to i64
  %some = or i64 %tag, %timeout
  %all = or i64 %some, %flags
  %is.none = icmp eq i64 %all, 0
  %is.clock = icmp ult i32 %clock, {_CLOCKS}
  %is.over = and i1 %is.none, %is.clock
  br i1 %is.over, label %answer, label %python
answer:
  store <4 x i64> zeroinitializer, ptr %event, align 1
  store i64 %userdata, ptr %event, align 1
  store i32 1, ptr %place, align 1
  ret i32 0
""",
    ),
)
