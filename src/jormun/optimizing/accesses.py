"""Memories as LLVM text (core specification, section 4.4.6; atomic accesses are in atomics.py).

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

To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.errors import TrapKind
from jormun.llvm.accesses import llvm_type, memory_type
from jormun.llvm.keep import keep
from jormun.llvm.lines import NAMED, NAMES
from jormun.opcodes import memory as rows
from jormun.opcodes.immediates import MemArg
from jormun.opcodes.table import BY_CODE, Row
from jormun.optimizing.fuel import FuelOps
from jormun.optimizing.shapes import ModuleShape
from jormun.optimizing.state import CONSTANT, GUEST
from jormun.runtime import layout
from jormun.types import I32, I64, NumType, VecType

TAIL = f", align 1, {GUEST}"
"""What an access ends with."""


class Access:
    """A load or store as the quickest way to lower it takes it."""

    __slots__ = ("conversion", "head", "is_load", "memory_type", "type")

    def __init__(self, row: Row) -> None:
        t, bits, *is_signed = row.static
        assert isinstance(t, NumType | VecType) and isinstance(bits, int)
        self.is_load: bool = bool(is_signed)
        self.type: str = llvm_type(t)
        self.memory_type: str = memory_type(t, bits)
        """The LLVM types of the value on the stack, and in memory."""
        self.head = f"{'= load' if self.is_load else 'store'} volatile {self.memory_type}"
        """What LLVM's instruction begins with, a load behind its name."""
        self.conversion = ""
        """What makes a load's value the one on the stack, or the one on the stack what is stored, if they differ."""
        if self.memory_type != self.type:
            verb = "trunc" if not self.is_load else "sext" if is_signed[0] else "zext"
            self.conversion = f"{verb} {self.memory_type if self.is_load else self.type}"


class MemoryOps(FuelOps):
    """FuelOps, and memories."""

    def __init__(self, shape: ModuleShape, architecture: str) -> None:
        super().__init__(shape, architecture)
        self.bases: dict[int, str] = {}
        """The memories whose base address the function needs: loaded once, at its entry."""
        self.pending: list[int] = []
        """Where in `lines` volatile accesses end, in case a loop around them turns out to have no calls."""
        self.pointers: dict[str, str] = {}
        """The machine's addresses, without an offset, for addresses in memory 0 since the last label."""

    def entry_lines(self) -> list[str]:
        """What the entry block loads."""
        offset = self.shape.layout.memory_base_offset
        lines = self.fuel_lines()
        for memory, name in self.bases.items():
            lines.append(f"{name}.p = getelementptr i8, ptr %vm, i64 {offset(memory)}")
            lines.append(f"{name} = load ptr, ptr {name}.p, align 8, {CONSTANT}")
        return lines

    def size_bytes(self, memory: int) -> str:
        """The present size of a memory."""
        record = self.state(self.shape.layout.memory_record_offset(memory), "ptr", is_constant=True)
        return self.load_field(record, layout.MEMORY_SIZE_BYTES, "i64")

    def base(self, memory: int) -> str:
        """The first byte of a memory."""
        return self.bases.setdefault(memory, f"%m{memory}")

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
            f"call {{i64, i1}} @llvm.usub.with.overflow.i64(i64 {self.size_bytes(memory)}, i64 {i64_literal(reach)})"
        )
        is_short = self.line(f"extractvalue {{i64, i1}} {pair}, 1")
        last = self.line(f"extractvalue {{i64, i1}} {pair}, 0")
        is_beyond = self.line(f"icmp ugt i64 {address}, {last}")
        self.trap_if(self.line(f"or i1 {is_short}, {is_beyond}"), TrapKind.MEMORY_OUT_OF_BOUNDS)

    def load(self, t: NumType | VecType, bits: int, is_signed: bool, memarg: MemArg, address: str) -> str:
        """Read `bits` bits, and extend them to `t`."""
        pointer = self.pointer(memarg, address, bits // 8)
        type = memory_type(t, bits)
        self.pending.append(len(self.lines))
        value = self.line(f"load volatile {type}, ptr {pointer}{TAIL}")
        if type in ("i8", "i16", "i32") and bits < 8 * (16 if t is VecType.V128 else t.bits // 8):
            return self.line(f"{'sext' if is_signed else 'zext'} {type} {value} to {llvm_type(t)}")
        return value

    def store(self, t: NumType | VecType, bits: int, memarg: MemArg, address: str, x: str) -> None:
        """Write the low `bits` bits of `x`."""
        pointer = self.pointer(memarg, address, bits // 8)
        type = memory_type(t, bits)
        if type != llvm_type(t):
            x = self.line(f"trunc {llvm_type(t)} {x} to {type}")
        self.pending.append(len(self.lines))
        self.lines.append(f"store volatile {type} {x}, ptr {pointer}{TAIL}")

    def access(self, access: Access, offset: int, values: list[str], types: list[str]) -> None:
        """A load or store, with operands from the stack, of memory 0 where its guard makes that safe.

        FAST: one entry of `lines` for what `load` and `store` write in four, as they are a sixth of all instructions.
        """
        number = self.count = self.count + 1
        name = NAMES[number] if number < NAMED else f"%{number}00"
        stem = name[:-2]
        if not access.is_load:
            x = values.pop()
            types.pop()
        address = values.pop()
        types.pop()
        text = ""
        pointer = self.pointers.get(address)
        if pointer is None:
            pointer = self.pointers[address] = f"{stem}01"
            text = f"{name} = zext i32 {address} to i64\n{pointer} = getelementptr i8, ptr {self.base(0)}, i64 {name}\n"
        if offset:
            text = f"{text}{stem}02 = getelementptr i8, ptr {pointer}, i64 {offset}\n"
            pointer = f"{stem}02"
        self.pending.append(len(self.lines))
        if access.is_load:
            value = f"{stem}03"
            self.lines.append(f"{text}{value} {access.head}, ptr {pointer}{TAIL}")
            if access.conversion:
                value = self.line(f"{access.conversion} {value} to {access.type}")
            values.append(value)
            types.append(access.type)
            return
        if access.conversion:
            text = f"{text}{stem}03 = {access.conversion} {x} to {access.memory_type}\n"
            x = f"{stem}03"
        self.lines.append(f"{text}{access.head} {x}, ptr {pointer}{TAIL}")

    def relax(self, start: int) -> None:
        """Make the accesses from number `start` on plain: they are in a loop without calls."""
        for index in self.pending[start:]:
            text = self.lines[index]
            plain = text.replace(" volatile ", " ", 1)
            before, is_load, access = text.partition(" = load volatile ")
            if is_load:
                type, loaded = access.partition(", ptr ")[0], before.rpartition("\n")[2]
                plain = f"{plain}\n{keep(type, loaded)}"
            self.lines[index] = plain
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
        former = self.service("jormun_memory_grow", "i64", f"ptr %vm, i32 {memory}, i64 {wide}")
        return self.narrowed(former, address)

    def memory_range(self, memory: int, start: str, size: str) -> str:
        """The address of `size` bytes (an i64) that are all within a memory."""
        wide = self.as_i64(start, self.shape.memory(memory).address)
        self.check_span(wide, size, self.size_bytes(memory), TrapKind.MEMORY_OUT_OF_BOUNDS)
        return self.line(f"getelementptr i8, ptr {self.base(memory)}, i64 {wide}")

    def memory_fill(self, memory: int, start: str, byte: str, size: str) -> None:
        """Set `size` bytes."""
        wide = self.as_i64(size, self.shape.memory(memory).address)
        self.charge_size(wide)
        to = self.memory_range(memory, start, wide)
        self.service("jormun_set", "void", f"ptr {to}, i32 {byte}, i64 {wide}")

    def memory_copy(self, target: int, source: int, to: str, start: str, size: str) -> None:
        """Copy between memories, or within one."""
        both_wide = self.shape.memory(target).address is I64 and self.shape.memory(source).address is I64
        wide = self.as_i64(size, I64 if both_wide else I32)
        self.charge_size(wide)
        write = self.memory_range(target, to, wide)
        read = self.memory_range(source, start, wide)
        self.move_bytes(write, read, wide)

    def memory_init(self, data: int, memory: int, to: str, start: str, size: str) -> None:
        """Copy from a data segment."""
        wide = self.as_i64(size, I32)
        self.charge_size(wide)
        write = self.memory_range(memory, to, wide)
        offset = self.shape.layout.data_offset(data)
        read = self.segment(offset, start, wide, TrapKind.MEMORY_OUT_OF_BOUNDS, 1)
        self.move_bytes(write, read, wide)

    def data_drop(self, data: int) -> None:
        """Make a data segment empty."""
        self.store_field("%vm", self.shape.layout.data_offset(data) + layout.SEGMENT_SIZE, "i64", "0")


def i64_literal(value: int) -> int:
    """A number below 2**64 as LLVM writes an i64."""
    return value - (value >> 63 << 64)


ACCESSES: dict[int, Access] = {
    code: Access(row)
    for code, row in BY_CODE.items()
    if row.prefix is None and row.semantics in (rows.load, rows.store)
}
"""The loads and stores of numbers, by code."""
