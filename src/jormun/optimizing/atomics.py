"""Atomic accesses as LLVM text (threads proposal).

Each is checked for alignment first. All are volatile and sequentially consistent. To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.errors import TrapKind
from jormun.opcodes.immediates import MemArg
from jormun.opcodes.machine import ReadModifyWrite
from jormun.optimizing.accesses import MemoryOps, i64_literal
from jormun.optimizing.shapes import llvm_type
from jormun.optimizing.state import GUEST
from jormun.runtime import layout
from jormun.types import NumType


class AtomicOps(MemoryOps):
    """MemoryOps, and atomic accesses."""

    def atomic_pointer(self, memarg: MemArg, address: str, size_bytes: int) -> str:
        """The machine's address for an atomic access, aligned."""
        if size_bytes > 1:
            type = self.shape.memory(memarg.memory)
            effective = self.as_i64(address, type.address)
            if memarg.offset:
                effective = self.line(f"add i64 {effective}, {i64_literal(memarg.offset)}")
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
        """Write the low `bits` bits of `x` if the low ones of `expected` are what is there: what was there."""
        pointer = self.atomic_pointer(memarg, address, bits // 8)
        wanted, x = self.cut(t, bits, expected), self.cut(t, bits, x)
        text = f"cmpxchg volatile ptr {pointer}, i{bits} {wanted}, i{bits} {x} seq_cst seq_cst, align {bits // 8}"
        return self.extended(t, bits, self.line(f"extractvalue {{i{bits}, i1}} {self.line(text)}, 0"))

    def effective_address(self, memarg: MemArg, address: str, size_bytes: int) -> str:
        """The offset into the memory of an atomic access, checked for alignment and bounds."""
        self.atomic_pointer(memarg, address, size_bytes)
        type = self.shape.memory(memarg.memory)
        effective = self.as_i64(address, type.address)
        effective = self.line(f"add i64 {effective}, {i64_literal(memarg.offset)}")
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
        return self.service(f"jormun_memory_wait{t.bits}", "i32", f"ptr %vm, {arguments}")

    def atomic_notify(self, memarg: MemArg, address: str, count: str) -> str:
        """Wake at most `count` waiters: how many there were."""
        effective = self.effective_address(memarg, address, 4)
        arguments = f"i32 {memarg.memory}, i64 {effective}, i32 {count}"
        return self.service("jormun_memory_notify", "i32", f"ptr %vm, {arguments}")

    def atomic_fence(self) -> None:
        """Order all accesses before and after."""
        self.lines.append("fence seq_cst")
