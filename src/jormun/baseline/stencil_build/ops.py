"""The table's semantics read for stencils: V is an LLVM value, and what a function is about is a hole.

Addresses are the whole of a register, relative to the base of memory 0, which is in one. 32-bit addresses were
zero-extended; the compiler turns all others into such, checked, before it stamps an access. So accesses are safe, as
what is beyond memory 0 faults, and nothing is checked here but the alignment of atomic accesses, which memories' bases,
multiples of a page, do not change.

To be compiled by mypyc, as the class is that this one is made from.
"""

from __future__ import annotations

from jormun.errors import TrapKind
from jormun.llvm.convention import VECTOR
from jormun.llvm.values import LLVM_TYPE, TextOps
from jormun.opcodes.immediates import MemArg
from jormun.opcodes.machine import ReadModifyWrite
from jormun.opcodes.ops import Type
from jormun.types import NumType, VecType

OFFSET = "ptrtoint (ptr @hole_z to i64)"


class StencilOps(TextOps):
    """Ops and memory accesses for one stencil. `addresses` are operands that are addresses: a register, or "" for a
    constant, which is part of the offset then.
    """

    def __init__(self, architecture: str) -> None:
        super().__init__(architecture)
        self.conditions: dict[str, str] = {}
        """The results that are the extension of a condition."""

    def flag(self, t: Type, condition: str) -> str:
        """Remember which result is the extension of which condition."""
        result = super().flag(t, condition)
        if isinstance(t, NumType):
            self.conditions[result] = condition
        return result

    def pointer(self, address: str) -> str:
        """The machine's address for an access."""
        base = "%mem"
        if address:
            base = self.line(f"getelementptr i8, ptr %mem, i64 {address}")
        return self.line(f"getelementptr i8, ptr {base}, i64 {OFFSET}")

    def load(self, t: NumType | VecType, bits: int, is_signed: bool, memarg: MemArg, address: str) -> str:
        """Read `bits` bits, and extend them to `t`."""
        type = memory_type(t, bits)
        value = self.line(f"load {type}, ptr {self.pointer(address)}, align 1")
        if type == full_type(t) or isinstance(t, VecType):
            return value
        return self.line(f"{'sext' if is_signed else 'zext'} {type} {value} to {full_type(t)}")

    def store(self, t: NumType | VecType, bits: int, memarg: MemArg, address: str, x: str) -> None:
        """Write the low `bits` bits of `x`."""
        type = memory_type(t, bits)
        if type != full_type(t):
            x = self.line(f"trunc {full_type(t)} {x} to {type}")
        self.lines.append(f"store {type} {x}, ptr {self.pointer(address)}, align 1")

    def atomic_pointer(self, address: str, size_bytes: int) -> str:
        """The machine's address for an atomic access, aligned."""
        if size_bytes > 1:
            effective = self.line(f"add i64 {address}, {OFFSET}")
            low = self.line(f"and i64 {effective}, {size_bytes - 1}")
            self.trap_if(self.line(f"icmp ne i64 {low}, 0"), TrapKind.UNALIGNED_ATOMIC)
        return self.pointer(address)

    def atomic_load(self, t: NumType, bits: int, memarg: MemArg, address: str) -> str:
        """Read `bits` bits, zero-extended."""
        pointer = self.atomic_pointer(address, bits // 8)
        value = self.line(f"load atomic volatile i{bits}, ptr {pointer} seq_cst, align {bits // 8}")
        return self.extended(t, bits, value)

    def extended(self, t: NumType, bits: int, value: str) -> str:
        """`bits` bits, zero-extended to `t`."""
        return value if bits == t.bits else self.line(f"zext i{bits} {value} to {LLVM_TYPE[t]}")

    def cut(self, t: NumType, bits: int, x: str) -> str:
        """The low `bits` bits of `x`."""
        return x if bits == t.bits else self.line(f"trunc {LLVM_TYPE[t]} {x} to i{bits}")

    def atomic_store(self, t: NumType, bits: int, memarg: MemArg, address: str, x: str) -> None:
        """Write the low `bits` bits."""
        pointer = self.atomic_pointer(address, bits // 8)
        x = self.cut(t, bits, x)
        self.lines.append(f"store atomic volatile i{bits} {x}, ptr {pointer} seq_cst, align {bits // 8}")

    def atomic_rmw(self, t: NumType, bits: int, does: ReadModifyWrite, memarg: MemArg, address: str, x: str) -> str:
        """Combine `bits` bits with the low ones of `x`: what was there."""
        pointer = self.atomic_pointer(address, bits // 8)
        x = self.cut(t, bits, x)
        value = self.line(f"atomicrmw volatile {does.value} ptr {pointer}, i{bits} {x} seq_cst, align {bits // 8}")
        return self.extended(t, bits, value)

    def atomic_cmpxchg(self, t: NumType, bits: int, memarg: MemArg, address: str, expected: str, x: str) -> str:
        """Write the low `bits` bits of `x` if the low ones of `expected` are what is there: what was there."""
        pointer = self.atomic_pointer(address, bits // 8)
        wanted, x = self.cut(t, bits, expected), self.cut(t, bits, x)
        text = f"cmpxchg volatile ptr {pointer}, i{bits} {wanted}, i{bits} {x} seq_cst seq_cst, align {bits // 8}"
        return self.extended(t, bits, self.line(f"extractvalue {{i{bits}, i1}} {self.line(text)}, 0"))

    def atomic_fence(self) -> None:
        """Order all accesses before and after."""
        self.lines.append("fence seq_cst")


def full_type(t: NumType | VecType) -> str:
    """A number or vector type as LLVM writes it."""
    return VECTOR if isinstance(t, VecType) else LLVM_TYPE[t]


def memory_type(t: NumType | VecType, bits: int) -> str:
    """What an access of `bits` bits reads or writes, as LLVM writes it."""
    if bits == (128 if isinstance(t, VecType) else t.bits):
        return full_type(t)
    return f"i{bits}"
