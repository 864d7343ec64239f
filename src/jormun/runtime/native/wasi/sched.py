"""sched_yield."""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime.native import x86_64
from jormun.runtime.native.wasi.call import NativeCall, done

_SCHED_YIELD: Final = 24

CALLS: Final = (
    NativeCall(
        "sched_yield",
        (),
        f"""
  %failed = {x86_64.SYSTEM_CALL}(i64 {_SCHED_YIELD}, i64 0, i64 0, i64 0, i64 0, i64 0, i64 0)
  br label %done
{done()}
""",
    ),
)
