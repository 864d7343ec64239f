"""Tables as LLVM text (core specification, section 4.4.5).

Elements are references, an i64 each, and no part of a guest's memory. To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.errors import TrapKind
from jormun.optimizing.atomics import AtomicOps
from jormun.optimizing.state import STATE
from jormun.runtime import layout
from jormun.types import I32, I64


class MachineOps(AtomicOps):
    """All primitives on the state of an instance (opcodes/machine.py), for one function."""

    def table_record(self, table: int) -> str:
        """The record of a table."""
        return self.state(self.shape.layout.table_record_offset(table), "ptr", is_constant=True)

    def table_slot(self, table: int, index: str, kind: TrapKind) -> str:
        """The address of a table's element. A table that cannot grow keeps its size and its place."""
        type = self.shape.valid.table_types[table]
        is_fixed = type.limits.minimum == type.limits.maximum
        record = self.table_record(table)
        wide = self.as_i64(index, type.address)
        size = str(type.limits.minimum) if is_fixed else self.load_field(record, layout.TABLE_SIZE, "i64")
        self.trap_if(self.line(f"icmp uge i64 {wide}, {size}"), kind)
        elements = self.load_field(record, layout.TABLE_ELEMENTS, "ptr", is_constant=is_fixed)
        return self.line(f"getelementptr i64, ptr {elements}, i64 {wide}")

    def table_element(self, table: int, index: str, kind: TrapKind) -> str:
        """An element of a table; `kind` is the trap beyond its end."""
        return self.line(f"load i64, ptr {self.table_slot(table, index, kind)}, align 8, {STATE}")

    def table_get(self, table: int, index: str) -> str:
        """An element."""
        return self.table_element(table, index, TrapKind.TABLE_OUT_OF_BOUNDS)

    def table_set(self, table: int, index: str, x: str) -> None:
        """Set an element."""
        slot = self.table_slot(table, index, TrapKind.TABLE_OUT_OF_BOUNDS)
        self.lines.append(f"store i64 {x}, ptr {slot}, align 8, {STATE}")

    def table_size(self, table: int) -> str:
        """The number of elements."""
        size = self.load_field(self.table_record(table), layout.TABLE_SIZE, "i64")
        return self.narrowed(size, self.shape.valid.table_types[table].address)

    def table_grow(self, table: int, init: str, delta: str) -> str:
        """Grow by `delta` elements: the former size, or -1."""
        address = self.shape.valid.table_types[table].address
        wide = self.as_i64(delta, address)
        arguments = f"ptr %vm, i32 {table}, i64 {init}, i64 {wide}"
        return self.narrowed(self.service("jormun_table_grow", "i64", arguments), address)

    def table_range(self, table: int, start: str, size: str) -> str:
        """The address of `size` elements (an i64) that are all within a table."""
        record = self.table_record(table)
        wide = self.as_i64(start, self.shape.valid.table_types[table].address)
        last = self.load_field(record, layout.TABLE_SIZE, "i64")
        self.check_span(wide, size, last, TrapKind.TABLE_OUT_OF_BOUNDS)
        elements = self.load_field(record, layout.TABLE_ELEMENTS, "ptr")
        return self.line(f"getelementptr i64, ptr {elements}, i64 {wide}")

    def table_fill(self, table: int, start: str, x: str, size: str) -> None:
        """Set `size` elements."""
        wide = self.as_i64(size, self.shape.valid.table_types[table].address)
        self.charge_size(wide, 3)
        to = self.table_range(table, start, wide)
        label = self.block_label()
        self.lines += [f"br label %{label}b", f"{label}b:", f"br label %{label}h", f"{label}h:"]
        self.lines.append(f"%{label}k = phi i64 [0, %{label}b], [%{label}n, %{label}l]")
        is_done = self.line(f"icmp eq i64 %{label}k, {wide}")
        self.lines += [f"br i1 {is_done}, label %{label}, label %{label}l", f"{label}l:"]
        slot = self.line(f"getelementptr i64, ptr {to}, i64 %{label}k")
        self.lines.append(f"store i64 {x}, ptr {slot}, align 8, {STATE}")
        self.lines += [f"%{label}n = add i64 %{label}k, 1", f"br label %{label}h", f"{label}:"]

    def table_copy(self, target: int, source: int, to: str, start: str, size: str) -> None:
        """Copy between tables or within one."""
        types = self.shape.valid.table_types
        both_wide = types[target].address is I64 and types[source].address is I64
        wide = self.as_i64(size, I64 if both_wide else I32)
        self.charge_size(wide, 3)
        write = self.table_range(target, to, wide)
        read = self.table_range(source, start, wide)
        self.move_references(write, read, wide)

    def table_init(self, elem: int, table: int, to: str, start: str, size: str) -> None:
        """Copy from an element segment."""
        wide = self.as_i64(size, I32)
        self.charge_size(wide, 3)
        write = self.table_range(table, to, wide)
        offset = self.shape.layout.elem_offset(elem)
        read = self.segment(offset, start, wide, TrapKind.TABLE_OUT_OF_BOUNDS, 8)
        self.move_references(write, read, wide)

    def move_references(self, write: str, read: str, count: str) -> None:
        """Move `count` references (an i64) between places that may overlap."""
        size_bytes = self.line(f"shl i64 {count}, 3")
        self.move_bytes(write, read, size_bytes)

    def elem_drop(self, elem: int) -> None:
        """Make an element segment empty."""
        self.store_field("%vm", self.shape.layout.elem_offset(elem) + layout.SEGMENT_SIZE, "i64", "0")
