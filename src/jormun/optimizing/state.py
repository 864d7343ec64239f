"""The state of an instance as LLVM text: fields of native records, globals, references (core specification, 4.4).

The classes of state.py, accesses.py, atomics.py and tables.py are one, in four chapters: the primitives of
opcodes/machine.py, each built on those before it. To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.errors import TrapKind
from jormun.llvm.accesses import AtomicText
from jormun.optimizing.shapes import ModuleShape
from jormun.runtime import layout
from jormun.types import I32, I64, HeapType, NumType

STATE, GUEST = "!tbaa !1", "!tbaa !2"
"""What is accessed: an instance's state, or a guest's memory. The two never overlap."""
CONSTANT = "!invariant.load !0"


class StateOps(AtomicText):
    """Ops, and what an instance record holds, for one function."""

    def __init__(self, shape: ModuleShape, architecture: str) -> None:
        super().__init__(architecture, f", {GUEST}")
        self.shape = shape

    # Fields of native records.

    def field(self, record: str, offset: int) -> str:
        """The address of a field."""
        return self.line(f"getelementptr i8, ptr {record}, i64 {offset}") if offset else record

    def load_field(self, record: str, offset: int, type: str, is_constant: bool = False) -> str:
        """Read a field of a native record. A constant one never changes while the function runs."""
        mark = CONSTANT if is_constant else STATE
        if not offset:
            return self.line(f"load {type}, ptr {record}, align 8, {mark}")
        name = self.fresh()
        value = f"{name[:-1]}1"
        self.lines.append(
            f"{name} = getelementptr i8, ptr {record}, i64 {offset}\n{value} = load {type}, ptr {name}, align 8, {mark}"
        )
        return value

    def state(self, offset: int, type: str, is_constant: bool = False) -> str:
        """Read a field of the instance record."""
        return self.load_field("%vm", offset, type, is_constant)

    def store_field(self, record: str, offset: int, type: str, value: str) -> None:
        """Write a field of a native record."""
        self.lines.append(f"store {type} {value}, ptr {self.field(record, offset)}, align 8, {STATE}")

    def service(self, name: str, result: str, arguments: str, attributes: str = "nounwind") -> str:
        """Call a function of the run time, one of layout.SERVICES: the name of its result.

        Its address is read from the instance, so that machine code refers to nothing outside of itself.
        """
        table = self.state(layout.VM_SERVICES, "ptr", is_constant=True)
        code = self.load_field(table, layout.service_offset(name), "ptr", is_constant=True)
        text = f"call {result} {code}({arguments}) {attributes}"
        if result != "void":
            return self.line(text)
        self.lines.append(text)
        return ""

    def trap_blocks(self) -> list[str]:
        """The blocks that `trap_label` promised, and their end."""
        start = len(self.lines)
        for kind in sorted(self.traps, key=lambda kind: kind.value):
            self.lines.append(f"T{kind.value}:")
            self.service("jormun_trap", "void", f"i32 {kind.value}", "cold noreturn nounwind")
            self.lines.append("unreachable")
        blocks = self.lines[start:]
        del self.lines[start:]
        return blocks

    def move_bytes(self, write: str, read: str, size_bytes: str) -> None:
        """Move bytes between places that may overlap."""
        self.service("jormun_move", "void", f"ptr {write}, ptr {read}, i64 {size_bytes}")

    # Numbers and conditions.

    def as_i64(self, value: str, address: NumType) -> str:
        """A number of an address type, zero-extended."""
        if address is I64:
            return value
        return value if value[0] != "%" and int(value) >= 0 else self.line(f"zext i32 {value} to i64")

    def narrowed(self, value: str, address: NumType) -> str:
        """An i64 as a number of an address type."""
        return value if address is I64 else self.line(f"trunc i64 {value} to i32")

    def check_span(self, start: str, count: str, size: str, kind: TrapKind) -> None:
        """Trap unless start + count, computed without a bound, is at most `size`; all are i64."""
        is_long = self.line(f"icmp ugt i64 {count}, {size}")
        last = self.line(f"sub i64 {size}, {count}")
        is_beyond = self.line(f"icmp ugt i64 {start}, {last}")
        self.trap_if(self.line(f"or i1 {is_long}, {is_beyond}"), kind)

    # Globals.

    def global_cell(self, index: int) -> tuple[str, int]:
        """Where a global is: a record, and the offset in it."""
        offset, is_indirect = self.shape.layout.global_place(index)
        return (self.state(offset, "ptr", is_constant=True), 0) if is_indirect else ("%vm", offset)

    def global_get(self, index: int) -> str:
        """The value of a global."""
        record, offset = self.global_cell(index)
        return self.load_field(record, offset, self.shape.global_types[index])

    def global_set(self, index: int, x: str) -> None:
        """Set a global."""
        record, offset = self.global_cell(index)
        self.store_field(record, offset, self.shape.global_types[index], x)

    # References and segments.

    def ref_null(self, heap: HeapType) -> str:
        """The null reference."""
        return "0"

    def ref_func(self, func: int) -> str:
        """A reference to a function: the address of its record."""
        if func < self.shape.imported_function_count:
            record = self.state(self.shape.layout.imported_function_offset(func), "ptr", is_constant=True)
        else:
            record = self.field("%vm", self.shape.layout.own_function_record_offset(func))
        return self.line(f"ptrtoint ptr {record} to i64")

    def ref_is_null(self, x: str) -> str:
        """The condition that a reference is null."""
        return self.line(f"icmp eq i64 {x}, 0")

    def ref_eq(self, x: str, y: str) -> str:
        """The condition that two references are the same."""
        return self.line(f"icmp eq i64 {x}, {y}")

    def segment(self, offset: int, start: str, size: str, kind: TrapKind, scale: int) -> str:
        """The address of `size` items from `start` on (both i32) of a segment, all within it."""
        last = self.state(offset + layout.SEGMENT_SIZE, "i64")
        wide = self.as_i64(start, I32)
        self.check_span(wide, size, last, kind)
        items = self.state(offset + layout.SEGMENT_START, "ptr")
        return self.line(f"getelementptr i{8 * scale}, ptr {items}, i64 {wide}")
