"""One call of WASI that machine code answers: what is its own, and what it has in common with all others.

The lines that functions here return are LLVM text; names in it that they define or expect are in their docstrings. The
label `python` is where a call goes that Python is to answer, `leave` where one goes that has locked the table, `done`
where one goes that has succeeded and may have taken long.
"""

from __future__ import annotations

from jormun.dataclass import dataclass
from jormun.hints import Final
from jormun.llvm.convention import OVERFLOW_SLOT_BYTES, overflow_area
from jormun.runtime import layout, world

ATTRIBUTES: Final = 'nounwind "frame-pointer"="all" "probe-stack"="inline-asm" "no-builtins"'
_IN_REGISTERS: Final = 5
"""So many parameters of a guest are in registers, behind the host record: there are no vectors."""
_ROOM_BYTES: Final = 256
"""As much stack is touched below a function's frame: what it pushes for calls is less."""

DECLARATIONS: Final = """
declare dso_local void @jormun_host_function()
declare dso_local i32 @clock_gettime(i32, ptr)
declare ptr @llvm.stacksave.p0()
declare void @llvm.stackrestore.p0(ptr)
"""


@dataclass(frozen=True, slots=True)
class NativeCall:
    """The machine code of a function of WASI."""

    name: str
    parameters: tuple[str, ...]
    """LLVM types and names of what the guest passes: "i32 %fd"."""
    body: str
    """From where %world, the world record, %base and %size, the memory, are known, to its last `ret` or branch."""
    frame: str = ""
    """What it has in its frame: allocas."""
    stack_bytes: int = _ROOM_BYTES
    """How much stack it needs below its frame."""

    def text(self) -> str:
        """The function. Once in CALLS calls, and where there is no memory, it leaves all to Python."""
        parameters = ", ".join(("ptr %host", *self.parameters[:_IN_REGISTERS]))
        return f"""
define i32 @{world.symbol(self.name)}({parameters}) {ATTRIBUTES} {{
{self.frame}
{self._overflow()}
  ; A stack that ends here is a trap of this function's, before it owns anything.
  %stack = call ptr @llvm.stacksave.p0()
  %room = alloca i8, i64 {self.stack_bytes}
  store volatile i8 0, ptr %room
  call void @llvm.stackrestore.p0(ptr %stack)
  %world.at = getelementptr i8, ptr %host, i64 {world.HOST_WORLD}
  %world = load ptr, ptr %world.at
  %calls.at = getelementptr i8, ptr %world, i64 {world.WORLD_CALLS}
  %calls = load i32, ptr %calls.at
  %is.turn = icmp eq i32 %calls, 0
  %calls.left = sub i32 %calls, 1
  %calls.next = select i1 %is.turn, i32 {world.CALLS}, i32 %calls.left
  store i32 %calls.next, ptr %calls.at
  br i1 %is.turn, label %python, label %turn
turn:
  %memory.at = getelementptr i8, ptr %world, i64 {world.WORLD_MEMORY}
  %memory = load ptr, ptr %memory.at
  %is.alone = icmp eq ptr %memory, null
  br i1 %is.alone, label %python, label %begun
begun:
  %base.at = getelementptr i8, ptr %memory, i64 {layout.MEMORY_BASE}
  %base = load ptr, ptr %base.at
  %size.at = getelementptr i8, ptr %memory, i64 {layout.MEMORY_SIZE_BYTES}
  %size = load volatile i64, ptr %size.at
{self.body}
python:
  %r = musttail call i32 @jormun_host_function({parameters})
  ret i32 %r
}}
"""

    def _overflow(self) -> str:
        """Lines that read the parameters that are in no register. They stay where they are, for Python to read: nothing
        that is called here writes there.
        """
        rest = self.parameters[_IN_REGISTERS:]
        if not rest:
            return ""
        lines = overflow_area("%overflow", layout.STACK_BLOCK_BYTES, layout.STACK_OVERFLOW_AREA)
        for slot, parameter in enumerate(rest):
            t, name = parameter.split()
            lines += [
                f"  %overflow.{slot} = getelementptr i8, ptr %overflow, i64 {OVERFLOW_SLOT_BYTES * slot}",
                f"  {name} = load {t}, ptr %overflow.{slot}",
            ]
        return "\n".join(lines)


def place(name: str, address: str, size_bytes: int | str) -> str:
    """Lines that define `name` as the place in the guest's memory of so many bytes at an i32 address, or go to Python.

    The size is a number, or an i64 below 2**62, with which the sum does not overflow.
    """
    return f"""
  {name}.start = zext i32 {address} to i64
  {name}.end = add i64 {name}.start, {size_bytes}
  {name}.is.inside = icmp ule i64 {name}.end, %size
  br i1 {name}.is.inside, label {name}.inside, label %python
{name[1:]}.inside:
  {name} = getelementptr i8, ptr %base, i64 {name}.start
"""


def lock(name: str, record: str, busy: int, otherwise: str) -> str:
    """Lines that make a record ours, or go to `otherwise`, when another thread has it.

    The exchange is a barrier: either Python, which stores first and looks at this word then, sees that it is ours, or
    we see what Python stored.
    """
    return f"""
  %{name}.busy = getelementptr i8, ptr {record}, i64 {busy}
  %{name}.before = atomicrmw xchg ptr %{name}.busy, i32 1 seq_cst
  %{name}.is.taken = icmp ne i32 %{name}.before, 0
  br i1 %{name}.is.taken, label %{otherwise}, label %{name}.ours
{name}.ours:
"""


def unlock(name: str) -> str:
    """A line that gives it back. To x86-64 it is a plain store, before which all others have happened."""
    return f"  store atomic i32 0, ptr %{name}.busy release, align 4\n"


def enter_table() -> str:
    """Lines that lock the table and define %entry, that of %fd, and %operations, what may be done with it; or go to
    Python. What follows ends with `leave_table`, and `unlock("table")` where it succeeds.
    """
    return f"""
  %table.at = getelementptr i8, ptr %world, i64 {world.WORLD_TABLE}
  %table = load ptr, ptr %table.at
{lock("table", "%table", world.TABLE_BUSY, "python")}
  ; Python takes all entries away before it moves them, and waits until nobody is in here.
  %entries.count.at = getelementptr i8, ptr %table, i64 {world.TABLE_COUNT}
  %entries.count = load atomic i32, ptr %entries.count.at seq_cst, align 4
  %is.entry = icmp ult i32 %fd, %entries.count
  br i1 %is.entry, label %enter, label %leave
enter:
  %entries.at = getelementptr i8, ptr %table, i64 {world.TABLE_ENTRIES}
  %entries = load ptr, ptr %entries.at
  %fd.64 = zext i32 %fd to i64
  %entry.offset = mul i64 %fd.64, {world.ENTRY_BYTES}
  %entry = getelementptr i8, ptr %entries, i64 %entry.offset
  %operations.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_OPERATIONS}
  %operations = load atomic i32, ptr %operations.at seq_cst, align 4
"""


def leave_table() -> str:
    """The label `leave`."""
    return f"""
leave:
{unlock("table")}
  br label %python
"""


def allowed(operation: int | str, otherwise: str = "leave") -> str:
    """Lines that go on at the label `allowed` if one of these bits (i32) is among %operations, else to `otherwise`."""
    return f"""
  %found.operation = and i32 %operations, {operation}
  %is.allowed = icmp ne i32 %found.operation, 0
  br i1 %is.allowed, label %allowed, label %{otherwise}
allowed:
"""


def whether_in_memory(here: str = "in.file") -> str:
    """Lines that go on at a label if %entry is a file in memory, else at `of.host`."""
    return f"""
  %found.memory = and i32 %operations, {world.IN_MEMORY}
  %is.in.memory = icmp ne i32 %found.memory, 0
  br i1 %is.in.memory, label %{here}, label %of.host
"""


def in_file() -> str:
    """The label `in.file`, and lines that define %open as the open file in memory of %entry."""
    return f"""
in.file:
  %record.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_STREAM}
  %open = load ptr, ptr %record.at
"""


def host_file(name: str) -> str:
    """Lines that define `name` as the host's descriptor of %entry, an i64."""
    return f"""
  {name}.at = getelementptr i8, ptr %entry, i64 {world.ENTRY_FILE}
  {name}.32 = load i32, ptr {name}.at
  {name} = sext i32 {name}.32 to i64
"""


def done() -> str:
    """The label `done`: success, after a look at whether a signal left a note meanwhile. Nothing is locked there."""
    return f"""
done:
  {chr(10).join(overflow_area("%noted", layout.STACK_BLOCK_BYTES, layout.CONTEXT_NOTED))}
  %note = load volatile i64, ptr %noted
  %is.noted = icmp ne i64 %note, 0
  br i1 %is.noted, label %heed, label %out
heed:
  call void @jormun_heed(ptr %noted.b)
  br label %out
out:
  ret i32 0
"""
