"""Random loads and stores, mostly within memories."""

from __future__ import annotations

from tests.differential.control import Control
from tests.differential.operations import LOADS, Access
from tests.differential.scope import MemoryScope
from tests.differential.tree import STATEMENT, Tree, leaf


class Accesses(Control):
    """Code that reads and writes memories."""

    def load(self, kind: str) -> Tree:
        """An access that gives a value."""
        access = self.rng.choice(LOADS[kind])
        while access.is_atomic and (self.is_calm or self.chance(0.85)):
            access = self.rng.choice(LOADS[kind])
        return self.access(access, kind)

    def access(self, access: Access, kind: str) -> Tree:
        """An access."""
        rng = self.rng
        memory = rng.choice(self.scope.memories)
        self.function.is_imprecise |= bool(self.counters)
        if ("wait" in access.name or "notify" in access.name) and self.chance(0.9):
            return self.simple(kind) if kind else leaf(STATEMENT, "nop")
        size_bytes = access.bits // 8
        offset = self.offset(memory, size_bytes)
        if access.is_atomic and not self.chance(0.02):
            offset &= -size_bytes
        address = self.address(memory, size_bytes, offset, size_bytes if access.is_atomic else 1)
        head = f"{access.name} {memory.name}"
        if offset:
            head += f" offset={offset}"
        if not access.is_atomic and self.chance(0.3):
            head += f" align={1 << rng.randrange(size_bytes.bit_length())}"
        if access.lanes:
            head += f" {rng.randrange(access.lanes)}"
        return Tree(kind, head, [address, *[self.expression(p) for p in access.params]])

    def offset(self, memory: MemoryScope, size_bytes: int) -> int:
        """The offset of a memory argument, nearly always one that allows for addresses within the memory."""
        rng = self.rng
        if self.chance(0.5):
            return 0
        if self.chance(0.006):
            top = 1 << (64 if memory.address == "i64" else 32)
            return rng.choice((top - 1, top // 2, top // 2 - 1, 1 << 31, (1 << 31) - 1, top - size_bytes, 1 << 30))
        return rng.randrange(rng.choice((4, 16, 64, max(1, memory.size_bytes // 2))))

    def address(self, memory: MemoryScope, size_bytes: int, offset: int, alignment: int) -> Tree:
        """An address for an access of so many bytes behind it, nearly always within the memory."""
        rng = self.rng
        t = memory.address
        last = memory.size_bytes - size_bytes - offset
        if last < 0 or self.chance(0.006):
            if self.chance(0.5):
                return self.expression(t)
            edge = rng.choice((last + 1, last + size_bytes, -1, -size_bytes, -offset, -offset - 1))
            return leaf(t, f"{t}.const {edge % (1 << int(t[1:]))}")
        if self.counters and self.chance(0.75):
            return self.counted_address(t, last, alignment)
        if self.chance(0.3):
            n = rng.choice((last, 0, rng.randrange(last + 1), max(0, last - rng.randrange(32))))
            return leaf(t, f"{t}.const {n // alignment * alignment}")
        mask = ((1 << (last + 1).bit_length() - 1) - 1) & -alignment
        masked = Tree(t, f"{t}.and", [self.expression(t), leaf(t, f"{t}.const {mask}")])
        if self.chance(0.5):
            return masked
        base = rng.randrange(last - mask + 1) // alignment * alignment
        return Tree(t, f"{t}.add", [masked, leaf(t, f"{t}.const {base}")])

    def counted_address(self, t: str, last: int, alignment: int) -> Tree:
        """An address that moves with the innermost loop, or the two innermost ones."""
        rng = self.rng
        counter, rounds = self.counters[-1]
        stride = rng.choice((1, 1, 2, 4, 4, 8, 8, 16, 3, 12, 64)) * alignment
        if (rounds - 1) * stride > last:
            stride = alignment if (rounds - 1) * alignment <= last else 0
        reach = (rounds - 1) * stride
        index = leaf(None, f"local.get {counter}")
        if self.chance(0.15):
            index = Tree(None, "i32.sub", [self.i32(rounds - 1), index])
        scaled = self.scaled(index, stride)
        if len(self.counters) > 1 and self.chance(0.4):
            outer, outer_rounds = self.counters[-2]
            outer_stride = rng.choice((alignment, 64, reach // alignment * alignment + alignment))
            if (outer_rounds - 1) * outer_stride + reach <= last:
                reach += (outer_rounds - 1) * outer_stride
                scaled = Tree(None, "i32.add", [self.scaled(leaf(None, f"local.get {outer}"), outer_stride), scaled])
        base = rng.choice((0, last - reach, rng.randrange(last - reach + 1), rng.randrange(min(64, last - reach) + 1)))
        base = base // alignment * alignment
        if t == "i64":
            scaled = Tree(None, rng.choice(("i64.extend_i32_u", "i64.extend_i32_s")), [scaled])
        if self.chance(0.04) and t == "i32" and not base:  # wraps around
            scaled = Tree(None, "i32.sub", [scaled, self.i32(4096)])
            base = 4096
        if not base:
            scaled.kind = t
            return scaled
        return Tree(t, f"{t}.add", [scaled, leaf(t, f"{t}.const {base}")])

    def scaled(self, index: Tree, stride: int) -> Tree:
        """An i32 times a number."""
        if stride == 1:
            return index
        if stride and stride & stride - 1 == 0 and self.chance(0.6):
            return Tree(None, "i32.shl", [index, self.i32(stride.bit_length() - 1)])
        return Tree(None, "i32.mul", [index, self.i32(stride)])

    def span(self, memory: MemoryScope) -> tuple[Tree, int]:
        """An address and a number of bytes from there on, nearly always within the memory."""
        t = memory.address
        size = self.rng.choice((0, 1, 2, 7, 8, 15, 16, 17, 32, 63, 64, 100, 255, 256, 1000, 5000))
        size = min(size, memory.size_bytes // 2)
        if self.chance(0.02):
            size = self.rng.choice((memory.size_bytes, memory.size_bytes + 1, (1 << 32) - 1))
        last = max(0, memory.size_bytes - size)
        if self.chance(0.01):
            return self.expression(t), size
        return leaf(t, f"{t}.const {self.rng.choice((0, last, self.rng.randrange(last + 1)))}"), size
