"""Atomic accesses: their addresses, waiting and notifying (threads proposal); llvm/accesses.py has the accesses.

Each is checked for alignment first. To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.errors import TrapKind
from jormun.opcodes.immediates import MemArg
from jormun.optimizing.accesses import MemoryOps, i64_literal
from jormun.runtime import layout
from jormun.types import NumType


class AtomicOps(MemoryOps):
    """MemoryOps, and what atomic accesses need."""

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
