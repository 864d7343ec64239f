"""Accesses to memory as LLVM text: what optimized functions and stencils have in common.

The atomic ones are those of the threads proposal. To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.llvm.convention import REF, VECTOR
from jormun.llvm.lines import LLVM_TYPE
from jormun.llvm.values import TextOps
from jormun.opcodes.immediates import MemArg
from jormun.opcodes.machine import ReadModifyWrite
from jormun.types import V128, NumType, ValType, VecType

LLVM_TYPES: dict[ValType, str] = {V128: VECTOR, **{t: LLVM_TYPE[t] for t in NumType}}
"""Value types as LLVM writes them, but for references."""


def llvm_type(t: ValType) -> str:
    """A value type as LLVM writes it."""
    return LLVM_TYPES.get(t, REF)


def memory_type(t: NumType | VecType, bits: int) -> str:
    """What an access of `bits` bits reads or writes, as LLVM writes it."""
    if bits == (128 if isinstance(t, VecType) else t.bits):
        return llvm_type(t)
    return f"i{bits}"


class AtomicText(TextOps):
    """TextOps, and atomic accesses. All are volatile and sequentially consistent.

    A subclass says how an address becomes a pointer.
    """

    def __init__(self, architecture: str, marks: str = "") -> None:
        super().__init__(architecture)
        self.marks = marks
        """What loads and stores end with: metadata, behind a comma."""

    def atomic_pointer(self, memarg: MemArg, address: str, size_bytes: int) -> str:
        """The machine's address for an atomic access, checked for alignment."""
        raise NotImplementedError

    def atomic_load(self, t: NumType, bits: int, memarg: MemArg, address: str) -> str:
        """Read `bits` bits, zero-extended."""
        pointer = self.atomic_pointer(memarg, address, bits // 8)
        value = self.line(f"load atomic volatile i{bits}, ptr {pointer} seq_cst, align {bits // 8}{self.marks}")
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
        self.lines.append(f"store atomic volatile i{bits} {x}, ptr {pointer} seq_cst, align {bits // 8}{self.marks}")

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

    def atomic_fence(self) -> None:
        """Order all accesses before and after."""
        self.lines.append("fence seq_cst")
