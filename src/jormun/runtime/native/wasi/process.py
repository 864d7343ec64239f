"""proc_raise of no signal, which asks whether signals are sent."""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime.native.wasi.call import NativeCall

CALLS: Final = (
    NativeCall(
        "proc_raise",
        ("i32 %signal",),
        """
  %is.none = icmp eq i32 %signal, 0
  br i1 %is.none, label %none, label %python
none:
  ret i32 0
""",
    ),
)
