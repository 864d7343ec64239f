"""How calls from Python end: whose turn it is then, and what is said of those that failed: LLVM text of the glue."""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime import layout
from jormun.runtime.native import glue_data


def text() -> str:
    """The LLVM text."""
    return _GIVE_TURN + _FAILED + _THREAD_ENDED


# Give the store's turn back to who had it; 0 if Python, which wakes those who wait, raised. An exception stays.
_GIVE_TURN: Final = f"""
define internal i1 @jormun_give_turn(ptr %stop, ptr %owner) nounwind {{
  %type.at = alloca ptr
  %error.at = alloca ptr
  %traceback.at = alloca ptr
  %owner.at = getelementptr i8, ptr %stop, i64 {layout.STOP_OWNER}
  store ptr %owner, ptr %owner.at
  %waiting.at = getelementptr i8, ptr %stop, i64 {layout.STOP_WAITING}
  %waiting = load i64, ptr %waiting.at
  %is.nobody.waiting = icmp eq i64 %waiting, 0
  %is.nested = icmp ne ptr %owner, null
  %is.done = or i1 %is.nobody.waiting, %is.nested
  br i1 %is.done, label %given, label %wake
given:
  ret i1 1
wake:
  call void @PyErr_Fetch(ptr %type.at, ptr %error.at, ptr %traceback.at)
  %waker = load ptr, ptr {glue_data.at(glue_data.WAKE)}
  %address = call ptr @PyLong_FromVoidPtr(ptr %stop)
  %is.short = icmp eq ptr %address, null
  br i1 %is.short, label %raised, label %go
go:
  %answer = call ptr (ptr, ...) @PyObject_CallFunctionObjArgs(ptr %waker, ptr %address, ptr null)
  call void @Py_DecRef(ptr %address)
  %is.raised = icmp eq ptr %answer, null
  br i1 %is.raised, label %raised, label %woken
woken:
  call void @Py_DecRef(ptr %answer)
  %type = load ptr, ptr %type.at
  %error = load ptr, ptr %error.at
  %traceback = load ptr, ptr %traceback.at
  call void @PyErr_Restore(ptr %type, ptr %error, ptr %traceback)
  ret i1 1
raised:
  %old.type = load ptr, ptr %type.at
  call void @Py_DecRef(ptr %old.type)
  %old.error = load ptr, ptr %error.at
  call void @Py_DecRef(ptr %old.error)
  %old.traceback = load ptr, ptr %traceback.at
  call void @Py_DecRef(ptr %old.traceback)
  ret i1 0
}}
"""

# Tell Python that the activation on this stack was left, by this kind of trap or by the exception that is set, which
# says why. Its trace is taken first: what is called behind that may be a signal's handler.
_FAILED: Final = f"""
define internal void @jormun_failed(ptr %context, i32 %trap) nounwind {{
  %type.at = alloca ptr
  %error.at = alloca ptr
  %traceback.at = alloca ptr
  call void @PyErr_Fetch(ptr %type.at, ptr %error.at, ptr %traceback.at)
  %trace = call ptr @jormun_left(ptr %context, i32 %trap)
  call void @PyErr_NormalizeException(ptr %type.at, ptr %error.at, ptr %traceback.at)
  %type = load ptr, ptr %type.at
  %error = load ptr, ptr %error.at
  %traceback = load ptr, ptr %traceback.at
  %failed = load ptr, ptr {glue_data.at(glue_data.FAILED)}
  %is.no.trace = icmp eq ptr %trace, null
  br i1 %is.no.trace, label %instead, label %go
go:
  %answer = call ptr (ptr, ...) @PyObject_CallFunctionObjArgs(ptr %failed, ptr %trace, ptr %error, ptr null)
  call void @Py_DecRef(ptr %trace)
  %is.instead = icmp eq ptr %answer, null
  br i1 %is.instead, label %instead, label %same
same:
  call void @Py_DecRef(ptr %answer)
  call void @PyErr_Restore(ptr %type, ptr %error, ptr %traceback)
  ret void
instead:
  call void @Py_DecRef(ptr %type)
  call void @Py_DecRef(ptr %error)
  call void @Py_DecRef(ptr %traceback)
  ret void
}}
"""

# A thread that had a stack ends (pthread_key_create(3)): what comes next at its address is another one. The GIL is not
# held: another thread may store its own at the same time, and looks it up once more then.
_THREAD_ENDED: Final = f"""
define void @jormun_thread_ended(ptr %context) nounwind {{
  %thread = load ptr, ptr addrspace(257) null
  %process = load ptr, ptr {glue_data.at(glue_data.PROCESS)}
  %last.at = getelementptr i8, ptr %process, i64 {layout.PROCESS_THREAD}
  %last = load volatile ptr, ptr %last.at
  %is.last = icmp eq ptr %last, %thread
  br i1 %is.last, label %forget, label %done
forget:
  store volatile ptr null, ptr %last.at
  br label %done
done:
  ret void
}}
"""
