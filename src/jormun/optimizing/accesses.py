"""The state of an instance as LLVM text: memories, tables, globals, segments (core specification, section 4.4).

**Which accesses to memory may be optimized.** An access beyond the end must trap, even one whose result nobody uses.
LLVM, to which an access out of bounds is undefined, drops, sinks and merges plain accesses as it likes, and does not
vectorise volatile ones. So:

- outside of loops, and in loops with calls, accesses are volatile: each happens, and in order;
- in a loop without calls they are plain, and what a load reads is passed to `keep`, which LLVM may not drop and can
  vectorise (llvm/keep.py).

What is given up: when an access in such a loop traps, stores of the loop that come before or behind it may or may not
have happened.

**Why accesses are safe.** A 32-bit address, extended with zeros, plus an offset that the guard covers stays inside of
the memory's reservation whatever its value, and pages beyond the memory's size fault. All other accesses compare with
the size first, and a memory never shrinks.

mypyc compiles this module.
"""

from __future__ import annotations

from jormun.errors import TrapKind
from jormun.llvm.keep import keep
from jormun.llvm.values import TextOps
from jormun.opcodes.immediates import MemArg
from jormun.opcodes.machine import ReadModifyWrite
from jormun.optimizing.shapes import ModuleShape, llvm_type
from jormun.runtime import layout
from jormun.types import I32, I64, HeapType, NumType, VecType

STATE, GUEST = "!tbaa !1", "!tbaa !2"
"""What is accessed: an instance's state, or a guest's memory. The two never overlap."""
CONSTANT = "!invariant.load !0"


class Accesses(TextOps):
    """The primitives on state, for one function."""

    def __init__(self, shape: ModuleShape, architecture: str) -> None:
        super().__init__(architecture)
        self.shape = shape
        self.bases: dict[int, str] = {}
        """The memories whose base address the function needs: loaded once, at its entry."""
        self.pending: list[tuple[int, str, str]] = []
        """Volatile accesses, in case a loop around them turns out to have no calls: index into `lines`, type, and the
        name of what a load reads."""

    # --- lines

    def entry_lines(self) -> list[str]:
        """What the entry block loads."""
        offset = self.shape.layout.memory_base_offset
        lines = []
        for memory, name in self.bases.items():
            lines.append(f"{name}.p = getelementptr i8, ptr %vm, i64 {offset(memory)}")
            lines.append(f"{name} = load ptr, ptr {name}.p, align 8, {CONSTANT}")
        return lines

    def field(self, record: str, offset: int) -> str:
        """The address of a field."""
        return self.line(f"getelementptr i8, ptr {record}, i64 {offset}") if offset else record

    def load_field(self, record: str, offset: int, type: str, is_constant: bool = False) -> str:
        """Read a field of a native record. A constant one never changes while the function runs."""
        return self.line(
            f"load {type}, ptr {self.field(record, offset)}, align 8, {CONSTANT if is_constant else STATE}"
        )

    def state(self, offset: int, type: str, is_constant: bool = False) -> str:
        """Read a field of the instance record."""
        return self.load_field("%vm", offset, type, is_constant)

    def store_field(self, record: str, offset: int, type: str, value: str) -> None:
        """Write a field of a native record."""
        self.lines.append(f"store {type} {value}, ptr {self.field(record, offset)}, align 8, {STATE}")

    def as_i64(self, value: str, address: NumType) -> str:
        """A number of an address type, zero-extended."""
        if address is I64:
            return value
        return value if value[0] != "%" and int(value) >= 0 else self.line(f"zext i32 {value} to i64")

    # --- globals

    def global_address(self, index: int) -> str:
        """The address of a global's cell."""
        offset, is_indirect = self.shape.layout.global_place(index)
        return self.state(offset, "ptr", is_constant=True) if is_indirect else self.field("%vm", offset)

    def global_get(self, index: int) -> str:
        """The value of a global."""
        type = self.shape.valid.global_types[index]
        return self.line(f"load {llvm_type(type.value)}, ptr {self.global_address(index)}, align 8, {STATE}")

    def global_set(self, index: int, x: str) -> None:
        """Set a global."""
        type = self.shape.valid.global_types[index]
        self.lines.append(f"store {llvm_type(type.value)} {x}, ptr {self.global_address(index)}, align 8, {STATE}")

    # --- memories

    def size_bytes(self, memory: int) -> str:
        """The present size of a memory."""
        record = self.state(self.shape.layout.memory_record_offset(memory), "ptr", is_constant=True)
        return self.load_field(record, layout.MEMORY_SIZE_BYTES, "i64")

    def base(self, memory: int) -> str:
        """The first byte of a memory."""
        return self.bases.setdefault(memory, f"%m{memory}")

    def condition(self, value: str, type: str) -> str:
        """The condition that a number, an i32 or a condition already, is not 0."""
        return value if type == "i1" else self.line(f"icmp ne i32 {value}, 0")

    def pointer(self, memarg: MemArg, address: str, size_bytes: int) -> str:
        """The machine's address for an access, checked unless the reservation's guard makes it safe."""
        type = self.shape.memory(memarg.memory)
        offset = memarg.offset
        base = self.base(memarg.memory)
        wide = self.as_i64(address, type.address)
        if not layout.is_guarded(type) or offset > layout.MEMORY_GUARDED_OFFSET_BYTES:
            self.check_range(memarg.memory, wide, offset, size_bytes)
        pointer = self.line(f"getelementptr i8, ptr {base}, i64 {wide}")
        return self.field(pointer, offset)

    def check_range(self, memory: int, address: str, offset: int, size_bytes: int) -> None:
        """Trap unless address + offset + size_bytes, computed without a bound, is within the memory."""
        reach = offset + size_bytes
        if reach >= 1 << 64:
            self.trap_if("true", TrapKind.MEMORY_OUT_OF_BOUNDS)
            return
        pair = self.line(
            f"call {{i64, i1}} @llvm.usub.with.overflow.i64(i64 {self.size_bytes(memory)}, i64 {_i64(reach)})"
        )
        is_short = self.line(f"extractvalue {{i64, i1}} {pair}, 1")
        last = self.line(f"extractvalue {{i64, i1}} {pair}, 0")
        is_beyond = self.line(f"icmp ugt i64 {address}, {last}")
        self.trap_if(self.line(f"or i1 {is_short}, {is_beyond}"), TrapKind.MEMORY_OUT_OF_BOUNDS)

    def load(self, t: NumType | VecType, bits: int, is_signed: bool, memarg: MemArg, address: str) -> str:
        """Read `bits` bits, and extend them to `t`."""
        pointer = self.pointer(memarg, address, bits // 8)
        type = memory_type(t, bits)
        value = self.fresh()
        self.pending.append((len(self.lines), type, value))
        self.lines.append(f"{value} = load volatile {type}, ptr {pointer}, align 1, {GUEST}")
        if type in ("i8", "i16", "i32") and bits < 8 * (16 if t is VecType.V128 else t.bits // 8):
            return self.line(f"{'sext' if is_signed else 'zext'} {type} {value} to {llvm_type(t)}")
        return value

    def store(self, t: NumType | VecType, bits: int, memarg: MemArg, address: str, x: str) -> None:
        """Write the low `bits` bits of `x`."""
        pointer = self.pointer(memarg, address, bits // 8)
        type = memory_type(t, bits)
        if type != llvm_type(t):
            x = self.line(f"trunc {llvm_type(t)} {x} to {type}")
        self.pending.append((len(self.lines), type, ""))
        self.lines.append(f"store volatile {type} {x}, ptr {pointer}, align 1, {GUEST}")

    def relax(self, start: int) -> None:
        """Make the accesses from number `start` on plain: they are in a loop without calls."""
        for index, type, loaded in self.pending[start:]:
            plain = self.lines[index].replace(" volatile ", " ", 1)
            self.lines[index] = f"{plain}\n{keep(type, loaded)}" if loaded else plain
        del self.pending[start:]

    def memory_size(self, memory: int) -> str:
        """The size in pages."""
        type = self.shape.memory(memory)
        pages = self.line(f"lshr i64 {self.size_bytes(memory)}, {type.page_size_log2}")
        return self.narrowed(pages, type.address)

    def memory_grow(self, memory: int, delta: str) -> str:
        """Grow by `delta` pages: the former size, or -1."""
        address = self.shape.memory(memory).address
        wide = self.as_i64(delta, address)
        return self.narrowed(self.line(f"call i64 @jormun_memory_grow(ptr %vm, i32 {memory}, i64 {wide})"), address)

    def narrowed(self, value: str, address: NumType) -> str:
        """An i64 as a number of an address type."""
        return value if address is I64 else self.line(f"trunc i64 {value} to i32")

    def memory_range(self, memory: int, start: str, size: str) -> str:
        """The address of `size` bytes (an i64) that are all within a memory."""
        wide = self.as_i64(start, self.shape.memory(memory).address)
        self.check_span(wide, size, self.size_bytes(memory), TrapKind.MEMORY_OUT_OF_BOUNDS)
        return self.line(f"getelementptr i8, ptr {self.base(memory)}, i64 {wide}")

    def check_span(self, start: str, count: str, size: str, kind: TrapKind) -> None:
        """Trap unless start + count, computed without a bound, is at most `size`; all are i64."""
        is_long = self.line(f"icmp ugt i64 {count}, {size}")
        last = self.line(f"sub i64 {size}, {count}")
        is_beyond = self.line(f"icmp ugt i64 {start}, {last}")
        self.trap_if(self.line(f"or i1 {is_long}, {is_beyond}"), kind)

    def memory_fill(self, memory: int, start: str, byte: str, size: str) -> None:
        """Set `size` bytes."""
        wide = self.as_i64(size, self.shape.memory(memory).address)
        to = self.memory_range(memory, start, wide)
        self.line(f"call ptr @memset(ptr {to}, i32 {byte}, i64 {wide})")

    def memory_copy(self, target: int, source: int, to: str, start: str, size: str) -> None:
        """Copy between memories, or within one."""
        both_wide = self.shape.memory(target).address is I64 and self.shape.memory(source).address is I64
        wide = self.as_i64(size, I64 if both_wide else I32)
        write = self.memory_range(target, to, wide)
        read = self.memory_range(source, start, wide)
        self.line(f"call ptr @memmove(ptr {write}, ptr {read}, i64 {wide})")

    def segment(self, offset: int, start: str, size: str, kind: TrapKind, scale: int) -> str:
        """The address of `size` items from `start` on (both i32) of a segment, all within it."""
        last = self.state(offset + layout.SEGMENT_SIZE, "i64")
        wide = self.as_i64(start, I32)
        self.check_span(wide, size, last, kind)
        items = self.state(offset + layout.SEGMENT_START, "ptr")
        return self.line(f"getelementptr i{8 * scale}, ptr {items}, i64 {wide}")

    def memory_init(self, data: int, memory: int, to: str, start: str, size: str) -> None:
        """Copy from a data segment."""
        wide = self.as_i64(size, I32)
        write = self.memory_range(memory, to, wide)
        offset = self.shape.layout.data_offset(data)
        read = self.segment(offset, start, wide, TrapKind.MEMORY_OUT_OF_BOUNDS, 1)
        self.line(f"call ptr @memmove(ptr {write}, ptr {read}, i64 {wide})")

    def data_drop(self, data: int) -> None:
        """Make a data segment empty."""
        self.store_field("%vm", self.shape.layout.data_offset(data) + layout.SEGMENT_SIZE, "i64", "0")

    # --- atomic accesses

    def atomic_pointer(self, memarg: MemArg, address: str, size_bytes: int) -> str:
        """The machine's address for an atomic access, aligned."""
        if size_bytes > 1:
            type = self.shape.memory(memarg.memory)
            effective = self.as_i64(address, type.address)
            if memarg.offset:
                effective = self.line(f"add i64 {effective}, {_i64(memarg.offset)}")
            low = self.line(f"and i64 {effective}, {size_bytes - 1}")
            self.trap_if(self.line(f"icmp ne i64 {low}, 0"), TrapKind.UNALIGNED_ATOMIC)
        return self.pointer(memarg, address, size_bytes)

    def atomic_load(self, t: NumType, bits: int, memarg: MemArg, address: str) -> str:
        """Read `bits` bits, zero-extended."""
        pointer = self.atomic_pointer(memarg, address, bits // 8)
        value = self.line(f"load atomic volatile i{bits}, ptr {pointer} seq_cst, align {bits // 8}, {GUEST}")
        return self.extended(t, bits, value)

    def extended(self, t: NumType, bits: int, value: str) -> str:
        """`bits` bits, zero-extended to `t`."""
        return value if bits == t.bits else self.line(f"zext i{bits} {value} to {llvm_type(t)}")

    def cut(self, t: NumType, bits: int, x: str) -> str:
        """The low `bits` bits of `x`."""
        return x if bits == t.bits else self.line(f"trunc {llvm_type(t)} {x} to i{bits}")

    def atomic_store(self, t: NumType, bits: int, memarg: MemArg, address: str, x: str) -> None:
        """Write the low `bits` bits."""
        pointer = self.atomic_pointer(memarg, address, bits // 8)
        x = self.cut(t, bits, x)
        self.lines.append(f"store atomic volatile i{bits} {x}, ptr {pointer} seq_cst, align {bits // 8}, {GUEST}")

    def atomic_rmw(self, t: NumType, bits: int, does: ReadModifyWrite, memarg: MemArg, address: str, x: str) -> str:
        """Combine `bits` bits with the low ones of `x`: what was there."""
        pointer = self.atomic_pointer(memarg, address, bits // 8)
        x = self.cut(t, bits, x)
        value = self.line(f"atomicrmw volatile {does.value} ptr {pointer}, i{bits} {x} seq_cst, align {bits // 8}")
        return self.extended(t, bits, value)

    def atomic_cmpxchg(self, t: NumType, bits: int, memarg: MemArg, address: str, expected: str, x: str) -> str:
        """Write the low `bits` bits of `x` if what is there is `expected`: what was there.

        An expected value with a bit set above `bits` matches nothing: comparing with what is read then tells so.
        """
        pointer = self.atomic_pointer(memarg, address, bits // 8)
        x, wanted = self.cut(t, bits, x), self.cut(t, bits, expected)
        align = f"align {bits // 8}"
        if bits < t.bits:
            fits = self.line(f"icmp eq {llvm_type(t)} {self.extended(t, bits, wanted)}, {expected}")
            return self.extended(t, bits, self.exchange_if(fits, pointer, bits, wanted, x, align))
        return self.exchange(pointer, bits, wanted, x, align)

    def exchange(self, pointer: str, bits: int, wanted: str, x: str, align: str) -> str:
        """A compare and exchange: what was there."""
        text = f"cmpxchg volatile ptr {pointer}, i{bits} {wanted}, i{bits} {x} seq_cst seq_cst, {align}"
        return self.line(f"extractvalue {{i{bits}, i1}} {self.line(text)}, 0")

    def exchange_if(self, condition: str, pointer: str, bits: int, wanted: str, x: str, align: str) -> str:
        """A compare and exchange where the condition holds, else an atomic read: what was there."""
        label = self.block_label()
        self.lines.append(f"br i1 {condition}, label %{label}x, label %{label}r")
        self.lines.append(f"{label}x:")
        old = self.exchange(pointer, bits, wanted, x, align)
        self.lines += [f"br label %{label}", f"{label}r:"]
        read = self.line(f"load atomic volatile i{bits}, ptr {pointer} seq_cst, {align}, {GUEST}")
        self.lines += [f"br label %{label}", f"{label}:"]
        return self.line(f"phi i{bits} [{old}, %{label}x], [{read}, %{label}r]")

    def effective_address(self, memarg: MemArg, address: str, size_bytes: int) -> str:
        """The offset into the memory of an atomic access, checked for alignment and bounds."""
        self.atomic_pointer(memarg, address, size_bytes)
        type = self.shape.memory(memarg.memory)
        effective = self.as_i64(address, type.address)
        effective = self.line(f"add i64 {effective}, {_i64(memarg.offset)}")
        if layout.is_guarded(type) and memarg.offset <= layout.MEMORY_GUARDED_OFFSET_BYTES:
            self.check_range(memarg.memory, self.as_i64(address, type.address), memarg.offset, size_bytes)
        return effective

    def atomic_wait(self, t: NumType, memarg: MemArg, address: str, expected: str, timeout_ns: str) -> str:
        """Wait to be notified."""
        if not self.shape.memory(memarg.memory).is_shared:
            self.effective_address(memarg, address, t.bits // 8)
            self.trap_if("true", TrapKind.EXPECTED_SHARED_MEMORY)
            return "0"
        effective = self.effective_address(memarg, address, t.bits // 8)
        arguments = f"i32 {memarg.memory}, i64 {effective}, i{t.bits} {expected}, i64 {timeout_ns}"
        return self.line(f"call i32 @jormun_memory_wait{t.bits}(ptr %vm, {arguments})")

    def atomic_notify(self, memarg: MemArg, address: str, count: str) -> str:
        """Wake at most `count` waiters: how many there were."""
        effective = self.effective_address(memarg, address, 4)
        arguments = f"i32 {memarg.memory}, i64 {effective}, i32 {count}"
        return self.line(f"call i32 @jormun_memory_notify(ptr %vm, {arguments})")

    def atomic_fence(self) -> None:
        """Order all accesses before and after."""
        self.lines.append("fence seq_cst")

    # --- tables and references

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
        text = f"call i64 @jormun_table_grow(ptr %vm, i32 {table}, i64 {init}, i64 {wide})"
        return self.narrowed(self.line(text), address)

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
        write = self.table_range(target, to, wide)
        read = self.table_range(source, start, wide)
        self.move_references(write, read, wide)

    def table_init(self, elem: int, table: int, to: str, start: str, size: str) -> None:
        """Copy from an element segment."""
        wide = self.as_i64(size, I32)
        write = self.table_range(table, to, wide)
        offset = self.shape.layout.elem_offset(elem)
        read = self.segment(offset, start, wide, TrapKind.TABLE_OUT_OF_BOUNDS, 8)
        self.move_references(write, read, wide)

    def move_references(self, write: str, read: str, count: str) -> None:
        """Move `count` references (an i64) between places that may overlap."""
        size_bytes = self.line(f"shl i64 {count}, 3")
        self.line(f"call ptr @memmove(ptr {write}, ptr {read}, i64 {size_bytes})")

    def elem_drop(self, elem: int) -> None:
        """Make an element segment empty."""
        self.store_field("%vm", self.shape.layout.elem_offset(elem) + layout.SEGMENT_SIZE, "i64", "0")

    def ref_null(self, heap: HeapType) -> str:
        """The null reference."""
        return "0"

    def ref_func(self, func: int) -> str:
        """A reference to a function: the address of its record."""
        if func < self.shape.imported_count:
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


def memory_type(t: NumType | VecType, bits: int) -> str:
    """What an access of `bits` bits reads or writes, as LLVM writes it."""
    if bits == (128 if isinstance(t, VecType) else t.bits):
        return llvm_type(t)
    return f"i{bits}"


def _i64(value: int) -> int:
    """A number below 2**64 as LLVM writes an i64."""
    return value - (value >> 63 << 64)
