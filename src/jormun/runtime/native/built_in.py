"""Functions of the glue that Python calls as it calls its own built-in ones, in 0.03 us: ctypes takes 0.3 and more.

For what is done for each instance and each wait. LLVM text of the glue, and the objects (`PyMethodDef`,
`PyCFunction_NewEx`). They are called with the GIL held. Addresses are given, and nothing here checks them, as in
pages.py.
"""

from __future__ import annotations

from array import array

from jormun.hints import Any, Callable, Final, Mapping
from jormun.runtime import layout
from jormun.runtime.native import c_types as ctypes
from jormun.runtime.native import glue_data, pages

ONE, MANY = 0x0008, 0x0080
"""METH_O and METH_FASTCALL: what is passed behind `self`, an argument, or where they are and how many."""

_DECLARATIONS: Final = """
declare dso_local void @PyObject_GC_UnTrack(ptr)
declare dso_local i64 @PyLong_AsUnsignedLongLongMask(ptr)
declare dso_local i32 @jormun_enter(ptr, ptr, ptr)
declare dso_local i32 @jormun_go_on(ptr, i64, ptr, i64, i64)
declare dso_local i32 @pthread_setspecific(i32, ptr)
"""


def text() -> str:
    """The LLVM text."""
    entering = (
        _entering("enter", "jormun_enter", ("ptr", "ptr", "ptr"), is_suspendable=False),
        _entering("start", "jormun_enter", ("ptr", "ptr", "ptr")),
        _entering("go_on", "jormun_go_on", ("ptr", "i64", "ptr", "i64", "i64")),
    )
    return _DECLARATIONS + _NONE + _UNTRACK + _WORDS + _NOTE + _TRACE + "".join(entering)


_NONE: Final = f"""
define internal ptr @jormun_none() nounwind {{
  %none = load ptr, ptr {glue_data.at(glue_data.python_object("_Py_NoneStruct"))}
  call void @Py_IncRef(ptr %none)
  ret ptr %none
}}
"""

# ptr jormun_untrack(ptr self, ptr object): see pages.finalized_last. Safe because the object is of a class with slots
# or attributes, which all have what the garbage collector needs in front of them.
_UNTRACK: Final = """
define ptr @jormun_untrack(ptr %self, ptr %object) nounwind {
  call void @PyObject_GC_UnTrack(ptr %object)
  %none = call ptr @jormun_none()
  ret ptr %none
}
"""

# ptr jormun_word(ptr self, ptr address): the 64 bits at an address; and jormun_set_words, which takes an address and
# stores, there and behind, the low 64 bits of what follows. As safe as what they stand for, pages.read_u64 and
# write_u64. What is no int raises TypeError, before anything behind it is done.
_WORDS: Final = """
define ptr @jormun_word(ptr %self, ptr %object) nounwind {
  %address = call i64 @PyLong_AsUnsignedLongLongMask(ptr %object)
  %is.odd = icmp eq i64 %address, -1
  br i1 %is.odd, label %raise, label %load
load:
  %at = inttoptr i64 %address to ptr
  %word = load i64, ptr %at
  %int = tail call ptr @PyLong_FromUnsignedLongLong(i64 %word)
  ret ptr %int
raise:
  ret ptr null
}
define ptr @jormun_set_words(ptr %self, ptr %args, i64 %count) nounwind {
  %object = load ptr, ptr %args
  %address = call i64 @PyLong_AsUnsignedLongLongMask(ptr %object)
  %is.odd = icmp eq i64 %address, -1
  br i1 %is.odd, label %raise, label %begin
begin:
  %start = inttoptr i64 %address to ptr
  br label %head
head:
  %k = phi i64 [ 1, %begin ], [ %k.next, %store ]
  %is.over = icmp uge i64 %k, %count
  br i1 %is.over, label %done, label %convert
convert:
  %value.at = getelementptr ptr, ptr %args, i64 %k
  %value.object = load ptr, ptr %value.at
  %value = call i64 @PyLong_AsUnsignedLongLongMask(ptr %value.object)
  %is.all = icmp eq i64 %value, -1
  br i1 %is.all, label %check, label %store
check:
  %error = call ptr @PyErr_Occurred()
  %is.right = icmp eq ptr %error, null
  br i1 %is.right, label %store, label %raise
store:
  %place = sub i64 %k, 1
  %at = getelementptr i64, ptr %start, i64 %place
  store i64 %value, ptr %at
  %k.next = add i64 %k, 1
  br label %head
done:
  %none = call ptr @jormun_none()
  ret ptr %none
raise:
  ret ptr null
}
"""


# What Python passes, as ints, to a function of METH_FASTCALL: %value0 and so on, of these types.
def _values(types: tuple[str, ...]) -> str:
    lines = []
    for k, t in enumerate(types):
        lines.append(f"  %object.at{k} = getelementptr ptr, ptr %args, i64 {k}")
        lines.append(f"  %object{k} = load ptr, ptr %object.at{k}")
        lines.append(f"  %word{k} = call i64 @PyLong_AsUnsignedLongLongMask(ptr %object{k})")
        lines.append(f"  %value{k} = {'inttoptr' if t == 'ptr' else 'bitcast'} i64 %word{k} to {t}")
    return "\n".join(lines)


# ptr jormun_note(ptr self, ptr args, i64 count): see stacks.note_thread, whose arguments it takes. Safe as that is.
_NOTE: Final = f"""
define ptr @jormun_note(ptr %self, ptr %args, i64 %count) nounwind {{
{_values(("ptr", "i64", "ptr"))}
  store i64 0, ptr %value0
  %key = trunc i64 %value1 to i32
  %error = call i32 @pthread_setspecific(i32 %key, ptr %value2)
  %error.64 = sext i32 %error to i64
  %int = call ptr @PyLong_FromLongLong(i64 %error.64)
  ret ptr %int
}}
"""

# ptr jormun_trace_python(ptr self, ptr args, i64 count): the trace (trace.py) of a suspended activation, with its
# context, frame pointer and stack pointer as ints. Safe because who calls this has the stack.
_TRACE: Final = f"""
define ptr @jormun_trace_python(ptr %self, ptr %args, i64 %count) nounwind {{
{_values(("ptr", "i64", "i64"))}
  %trace = call ptr @jormun_trace(ptr %value0, i32 0, i64 0, i64 0, i64 %value1, i64 %value2)
  ret ptr %trace
}}
"""


_LEFT_BEHIND: Final = (*range(layout.CONTEXT_KEPT, layout.CONTEXT_KEPT + 24, 8), layout.CONTEXT_TRAP_FP)
_MOVE_KEPT: Final = "\n".join(
    f"""  %kept.at{k} = getelementptr i8, ptr %value0, i64 {offset}
  %kept{k} = load i64, ptr %kept.at{k}
  %suspended.at{k} = getelementptr i8, ptr %value0, i64 {layout.CONTEXT_SUSPENDED + 8 * k}
  store i64 %kept{k}, ptr %suspended.at{k}"""
    for k, offset in enumerate(_LEFT_BEHIND)
)


# ptr jormun_enter_python(ptr self, ptr args, i64 count), jormun_start_python and jormun_go_on_python: jormun_enter,
# twice, and jormun_go_on (x86_64_activation.py) with their arguments as ints: None, or null and the exception by which
# the activation ended. Where Python raised, those that may be suspended leave the stack so that it can be gone on with,
# whoever calls guests on it before Python knows. Safe as those are: Python calls this on the host's stack, with the
# GIL, which they give back; and the context is Python's.
def _entering(name: str, function: str, types: tuple[str, ...], is_suspendable: bool = True) -> str:
    values = ", ".join(f"{t} %value{k}" for k, t in enumerate(types))
    return f"""
define ptr @jormun_{name}_python(ptr %self, ptr %args, i64 %count) nounwind {{
{_values(types)}
  %kind = call i32 @{function}({values})
  %error = call ptr @PyErr_Occurred()
  %has.raised = icmp ne ptr %error, null
  br i1 %has.raised, label %{"suspend" if is_suspendable else "fail"}, label %ended
suspend:
{_MOVE_KEPT}
  %trap.sp.at = getelementptr i8, ptr %value0, i64 {layout.CONTEXT_TRAP_SP}
  %sp = load i64, ptr %trap.sp.at
  %guest.sp.at = getelementptr i8, ptr %value0, i64 {layout.CONTEXT_GUEST_SP}
  store i64 %sp, ptr %guest.sp.at
  ret ptr null
ended:
  %has.trapped = icmp ne i32 %kind, 0
  br i1 %has.trapped, label %fail, label %return
fail:
  call void @jormun_failed(ptr %value0, i32 %kind)
  ret ptr null
return:
  %none = call ptr @jormun_none()
  ret ptr %none
}}
"""


class BuiltIns:
    """The functions."""

    __slots__ = ("clean", "enter", "go_on", "note", "set_words", "start", "trace", "untrack", "word")

    def __init__(self, symbols: Mapping[str, int]) -> None:
        """`symbols` are the addresses of the glue's functions."""
        self.untrack: Callable[[object], None] = built_in(symbols["jormun_untrack"], ONE)
        """See pages.finalized_last."""
        self.word: Callable[..., int] = built_in(symbols["jormun_word"], ONE)
        """The 64 bits at an address."""
        self.set_words: Callable[..., None] = built_in(symbols["jormun_set_words"], MANY)
        """Store the low 64 bits of each number behind the first, from that address on."""
        self.clean: Callable[[int], int] = built_in(symbols["jormun_clean"], ONE)
        """See cleaning.py."""
        self.note: Callable[[int, int, int], int] = built_in(symbols["jormun_note"], MANY)
        """See stacks.note_thread."""
        self.enter: Callable[[int, int, int], None] = built_in(symbols["jormun_enter_python"], MANY)
        """`jormun_enter` (x86_64_activation.py), for the calling thread's stack. Raises what `Native.call` does."""
        self.start: Callable[[int, int, int], None] = built_in(symbols["jormun_start_python"], MANY)
        self.go_on: Callable[[int, int, int, int, int], None] = built_in(symbols["jormun_go_on_python"], MANY)
        """The same, and `jormun_go_on`, for what may be suspended: `Native.explain` is for what Python functions that
        the guest called raised.
        """
        self.trace: Callable[[int, int, int], bytes] = built_in(symbols["jormun_trace_python"], MANY)
        """That of a suspended activation: with its context, frame pointer and stack pointer."""


def built_in(address: int, flags: int) -> Callable[..., Any]:  # Any: what it takes and returns, machine code knows
    """The machine code at an address as a function of Python's, which lives as long as the process."""
    definition = pages.Block(32, 16)
    definition.view().cast("Q")[:] = memoryview(array("Q", (pages.address_of(_NAME), address, flags, 0)))
    _kept.append(definition)
    new = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    made: Callable[..., Any] = new(pages.python_address("PyCFunction_NewEx"))(definition.address, None, None)
    return made


_NAME: Final = b"jormun"
_kept: list[pages.Block] = []
"""What functions refer to as long as the process lives."""
