"""The table's semantics read for stencils: V is an LLVM value, and what a function is about is a hole.

Addresses are the whole of a register, relative to the base of memory 0, which is in one. 32-bit addresses were
zero-extended; the compiler turns all others into such, checked, before it stamps an access. So accesses are safe, as
what is beyond memory 0 faults, and nothing is checked here but the alignment of atomic accesses, which memories' bases,
multiples of a page, do not change.

To be compiled by mypyc, as the class is that this one is made from.
"""

from __future__ import annotations

from jormun.baseline.stencil_build.machine import Machine
from jormun.errors import TrapKind
from jormun.llvm.accesses import AtomicText, llvm_type, memory_type
from jormun.opcodes.immediates import MemArg
from jormun.opcodes.ops import Type
from jormun.types import NumType, VecType


class StencilOps(AtomicText):
    """Ops and memory accesses for one stencil. `addresses` are operands that are addresses: a register, or "" for a
    constant, which is part of the offset then.
    """

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine.target.architecture)
        self.machine = machine
        self._offset = ""
        self.conditions: dict[str, str] = {}
        """The results that are the extension of a condition."""

    def flag(self, t: Type, condition: str) -> str:
        """Remember which result is the extension of which condition."""
        result = super().flag(t, condition)
        if isinstance(t, NumType):
            self.conditions[result] = condition
        return result

    @property
    def offset(self) -> str:
        """An access's offset."""
        if not self._offset:
            self._offset = self.machine.offsets["z"]
            if self.machine.hides_numbers:
                self._offset = self.line(f'call i64 asm "", "=r,0"(i64 {self._offset})')
        return self._offset

    def pointer(self, address: str) -> str:
        """The machine's address for an access."""
        base = "%mem"
        if address:
            base = self.line(f"getelementptr i8, ptr %mem, i64 {address}")
        offset = self.offset
        return self.line(f"getelementptr i8, ptr {base}, i64 {offset}")

    def load(self, t: NumType | VecType, bits: int, is_signed: bool, memarg: MemArg, address: str) -> str:
        """Read `bits` bits, and extend them to `t`."""
        type = memory_type(t, bits)
        value = self.line(f"load {type}, ptr {self.pointer(address)}, align 1")
        if type == llvm_type(t) or isinstance(t, VecType):
            return value
        return self.line(f"{'sext' if is_signed else 'zext'} {type} {value} to {llvm_type(t)}")

    def store(self, t: NumType | VecType, bits: int, memarg: MemArg, address: str, x: str) -> None:
        """Write the low `bits` bits of `x`."""
        type = memory_type(t, bits)
        if type != llvm_type(t):
            x = self.line(f"trunc {llvm_type(t)} {x} to {type}")
        self.lines.append(f"store {type} {x}, ptr {self.pointer(address)}, align 1")

    def atomic_pointer(self, memarg: MemArg, address: str, size_bytes: int) -> str:
        """The machine's address for an atomic access, aligned."""
        if size_bytes > 1:
            offset = self.offset
            effective = self.line(f"add i64 {address}, {offset}")
            low = self.line(f"and i64 {effective}, {size_bytes - 1}")
            self.trap_if(self.line(f"icmp ne i64 {low}, 0"), TrapKind.UNALIGNED_ATOMIC)
        return self.pointer(address)
