"""sched_yield: a call of the kernel where a guest has threads; a guest without has nobody to give way to."""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime import world
from jormun.runtime.native import x86_64
from jormun.runtime.native.wasi.call import NativeCall, done

_SCHED_YIELD: Final = 24

CALLS: Final = (
    NativeCall(
        "sched_yield",
        (),
        f"""
  %threads.at = getelementptr i8, ptr %world, i64 {world.WORLD_HAS_THREADS}
  %threads = load i32, ptr %threads.at
  %is.alone.here = icmp eq i32 %threads, 0
  br i1 %is.alone.here, label %done, label %yield
yield:
  %failed = {x86_64.SYSTEM_CALL}(i64 {_SCHED_YIELD}, i64 0, i64 0, i64 0, i64 0, i64 0, i64 0)
  br label %done
{done()}
""",
    ),
)
