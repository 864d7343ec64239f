"""The operands of a function while it is compiled: where each is, and what it takes to have it elsewhere.

A local's value and a constant are not moved when they are pushed, but when they are used. A value in a register is in
the one that its height on the stack determines. Each operand has a slot of its own in the frame; running sums of sizes
say where (layout.BASELINE_FRAME_BYTES). To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.baseline.catalogue import CLASS_F32, CLASS_I64, CLASS_V128
from jormun.baseline.code import Code
from jormun.baseline.pieces import Pieces
from jormun.hints import TYPE_CHECKING, Final, i64
from jormun.runtime.layout import BASELINE_FRAME_BYTES
from jormun.validation.stack import vec, with_room

if TYPE_CHECKING:
    from jormun.baseline.library import Library

# An entry is value << 5 | class << 2 | kind.
REGISTER: Final = 0
OWN: Final = 1
"""In its slot, whose offset is the value."""
LOCAL: Final = 2
"""What a local holds: the value is the offset of the local's slot."""
CONSTANT: Final = 3
"""An i32 or an i64 that 32 bits hold, signed: the value."""
_ROOM: Final = 64


class Operands(Code):
    """Code, and the operand stack."""

    def __init__(self, library: Library, pieces: Pieces) -> None:
        super().__init__(library)
        self.pieces = pieces
        self.entries: vec[i64] = vec[i64]([0] * _ROOM)
        self.locals_bytes: i64 = 0
        """How much of the frame locals take; operands come behind."""
        self.has_vectors: bool = False
        """Whether a v128 has been pushed: from then on, `ends` says where in the frame each operand ends."""
        self.ends: vec[i64] = vec[i64]([0] * _ROOM)
        self.height: i64 = 0
        self.low: i64 = 0
        """All entries below this one are in their slots."""
        self.deepest: i64 = 0
        """How much of the frame is used."""

    # Pushing and popping.

    def push(self, entry: i64) -> None:
        """Push an operand."""
        height = self.height
        if height == len(self.entries):
            self.entries = with_room(self.entries, height)
            self.ends = with_room(self.ends, height)
        self.entries[height] = entry
        self.height = height + 1
        if self.has_vectors or (entry >> 2) & 7 == CLASS_V128:
            self.note_end(height)

    def note_end(self, k: i64) -> None:
        """Note where in the frame an operand ends; with the first v128, where those below it do."""
        if not self.has_vectors:
            for below in range(k):
                self.ends[below] = self.end_of(below)
            self.has_vectors = True
        start = self.ends[k - 1] if k else self.locals_bytes
        self.ends[k] = start + (16 if self.class_at(k) == CLASS_V128 else 8)

    def end_of(self, k: i64) -> i64:
        """Where in the frame an operand ends, in bytes; of number -1, where the first begins."""
        if k >= 0 and self.has_vectors:
            return self.ends[k]
        return self.locals_bytes + 8 * (k + 1)

    def push_register(self, c: i64) -> None:
        """Push what the register of the next height has. It must have been claimed."""
        self.push(c << 2)

    def drop(self, count: i64) -> None:
        """Pop operands."""
        self.height -= count
        if self.low > self.height:
            self.low = self.height

    def class_at(self, k: i64) -> i64:
        """The class of an operand."""
        return (self.entries[k] >> 2) & 7

    # Places.

    def slot(self, k: i64) -> i64:
        """The offset from the frame pointer of an operand's slot, which is going to be used."""
        return self.place_of(self.end_of(k))

    def place_of(self, end: i64) -> i64:
        """The offset from the frame pointer of what ends at byte `end`, which is going to be used."""
        if end > self.deepest:
            self.deepest = end
        return -BASELINE_FRAME_BYTES - end

    def claim(self, k: i64) -> None:
        """Free the register of height k for it: whatever is below in the same register goes to its slot."""
        other = k - 4
        while other >= self.low:
            if self.entries[other] & 3 == REGISTER:
                self.flush(other)
            other -= 4

    def flush(self, k: i64) -> None:
        """Have an operand in its slot."""
        entry = self.entries[k]
        kind = entry & 3
        if kind == OWN:
            return
        c = (entry >> 2) & 7
        place = self.slot(k)
        if kind == REGISTER:
            self.stamp(self.pieces.put[c * 4 + (k & 3)], place, 0, 0)
        elif kind == LOCAL:
            self.stamp(self.pieces.copy[c], entry >> 5, place, 0)
        else:
            self.stamp(self.pieces.put_constant[c], entry >> 5, place, 0)
        self.entries[k] = place << 5 | c << 2 | OWN

    def flush_all(self) -> None:
        """Have all operands in their slots."""
        height = self.height
        for k in range(self.low, height):
            self.flush(k)
        self.low = height

    def spill(self) -> None:
        """Empty all registers, which a call does not keep."""
        entries = self.entries
        for k in range(self.low, self.height):
            if entries[k] & 3 == REGISTER:
                self.flush(k)

    def fetch(self, k: i64) -> None:
        """Have an operand, one of the topmost four, in its register."""
        entry = self.entries[k]
        kind = entry & 3
        if kind == REGISTER:
            return
        self.claim(k)
        c = (entry >> 2) & 7
        if kind == CONSTANT:
            self.stamp(self.pieces.constant[c * 4 + (k & 3)], entry >> 5, 0, 0)
        else:
            self.stamp(self.pieces.get[c * 4 + (k & 3)], entry >> 5, 0, 0)
        self.entries[k] = c << 2
        if k < self.low:
            self.low = k

    def flush_local(self, wanted: i64) -> None:
        """Keep the present value of a local that is about to change wherever it, an entry, was pushed."""
        entries = self.entries
        for k in range(self.low, self.height):
            if entries[k] == wanted:
                self.flush(k)

    def set_own(self, k: i64, c: i64) -> None:
        """Say that an operand is in its slot, where a call or a branch has put it."""
        self.entries[k] = self.slot(k) << 5 | c << 2 | OWN

    def push_own(self, classes: list[int]) -> None:
        """Push operands that are in their slots."""
        for c in classes:
            self.push(i64(c) << 2)
            self.set_own(self.height - 1, c)

    def push_constant(self, c: i64, value: i64) -> None:
        """Push an i32 or an i64."""
        if -0x8000_0000 <= value < 0x8000_0000:
            self.push(value << 5 | c << 2 | CONSTANT)
            return
        self.claim(self.height)
        self.stamp(self.pieces.wide_i64[self.height & 3], value, 0, 0)
        self.push_register(CLASS_I64)

    def push_float(self, c: i64, bits: i64) -> None:
        """Push an f32 or an f64, given its bits as a signed number."""
        self.claim(self.height)
        register = self.height & 3
        if bits == 0:
            self.stamp(self.pieces.zero[register], 0, 0, 0)
        elif c == CLASS_F32:
            self.stamp(self.pieces.f32[register], bits, 0, 0)
        else:
            self.stamp(self.pieces.f64[register], bits, 0, 0)
        self.push_register(c)
