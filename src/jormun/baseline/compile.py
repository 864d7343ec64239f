"""From a validated function's bytes to machine code, in one pass (core specification, section 4.4).

Most instructions are stamped: the stencil is chosen by where their operands are. Code that cannot be reached is
skipped. At labels all operands are in their slots, so that whoever arrives finds the same state, and so does optimized
code that takes over at the head of a loop. To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.baseline import blocks, counters, exceptions, fuel
from jormun.baseline.body import run
from jormun.baseline.catalogue import CLASS_V128, SLOT_BYTES, class_of
from jormun.baseline.facts import REGISTER_COUNT, CallFacts, ModuleFacts
from jormun.baseline.frame import BODY, Frame
from jormun.baseline.library import Library
from jormun.baseline.operands import CONSTANT, LOCAL, OWN, REGISTER
from jormun.baseline.pieces import Pieces
from jormun.baseline.reader import Reader
from jormun.baseline.rows import Rows
from jormun.hints import Final, i64
from jormun.runtime import layout
from jormun.runtime.layout import BASELINE_FRAME_BYTES
from jormun.runtime.metering.charges import NO_CHARGES, Charges, charges
from jormun.runtime.tiering.settings import Tiering
from jormun.syntax.function import Function
from jormun.validation.stack import IS_COMPILED, vec

_FREE_FRAME_BYTES: Final = 32 << 10
"""A frame up to this size needs no look at the stack's limit: whatever it touches first behind it is in the guard."""


class FunctionCompiler(Reader):
    """One function on its way to machine code."""

    def __init__(
        self,
        library: Library,
        pieces: Pieces,
        rows: Rows,
        facts: ModuleFacts,
        func_index: i64,
        tiering: Tiering | None,
        has_probe: bool,
    ) -> None:
        """With `tiering`, entries and loops count. `has_probe` is for functions whose frame is found to be large when
        they are compiled without.
        """
        super().__init__(library, pieces)
        self.has_probe: bool = has_probe
        self.probe_at: i64 = 0
        self.rows = rows
        self.facts = facts
        self.func_index: i64 = func_index
        self.own_index: i64 = func_index - facts.imported_function_count
        function: Function = facts.valid.module.functions[self.own_index]
        self.body = function.body.code
        # FAST: in plain Python a list's items are read twice as fast as those of bytes.
        self.code = self.body if IS_COMPILED else list(self.body)  # type: ignore[assignment]
        self.at = 0
        self.call_facts: CallFacts = facts.function(func_index)
        self.is_reachable: bool = True
        self.frames: list[Frame] = []
        self.local_classes: list[int] = list(self.call_facts.params)
        for count, t in function.locals:
            self.local_classes += [class_of(t)] * count
        end: i64 = 0
        entries: list[int] = []
        for c in self.local_classes:
            end += SLOT_BYTES[c]
            entries.append((-BASELINE_FRAME_BYTES - end) << 5 | c << 2 | LOCAL)
        self.local_entries: vec[i64] = vec[i64](entries)
        """The locals as they are pushed, see operands.py."""
        self.locals_bytes = end
        self.deepest = end
        self.has_vectors = CLASS_V128 in self.local_classes
        self.counts: bool = tiering is not None
        self.entry_weight: i64 = 0 if tiering is None else tiering.entry_weight
        self.loop_weight: i64 = 0 if tiering is None else tiering.loop_weight
        self.is_metered: bool = facts.costs is not None
        self.charges: Charges = NO_CHARGES if facts.costs is None else charges(self.body, facts.costs)
        """Where fuel is to be paid, and how much."""
        self.unpaid: list[tuple[int, int, int]] = []
        """Branches where there is too little fuel, where the code goes on, and what is asked for."""
        self.exits: list[tuple[int, int, int]] = []
        """Branches of counters that are used up, where the code goes on, and the loops' offsets: see counters.count."""

    @property
    def needs_probe(self) -> bool:
        """Whether the frame, once it is known, is too large to go without."""
        return self.deepest > _FREE_FRAME_BYTES and not self.has_probe

    def compile(self) -> bytes:
        """The machine code; of no use if `needs_probe` says so then. Raises UnsupportedError."""
        frame_at = self.enter()
        self.frames.append(Frame(BODY, 0, [], self.call_facts.results))
        while self.frames:
            if self.is_reachable:
                run(self)
            else:
                blocks.skip(self)
        counters.write_exits(self)
        fuel.write_unpaid(self)
        self.write_traps()
        self.write_constants()
        self.finish_frame(frame_at)
        return self.finished()

    # Entry and end.

    def enter(self) -> i64:
        """Write the function's start; returns where the frame's size is to be filled in."""
        pieces, numbers = self.pieces, self.pieces.numbers
        self.stamp(numbers["enter"], 0, 0, 0)
        if self.has_probe:
            self.probe_at = self.stamp_with_hole(numbers["probe"])
        frame_at = self.stamp_with_hole(numbers["frame"])
        if self.facts.memory_count:
            self.stamp(numbers["memory"], self.facts.layout.memory_base_offset(0), 0, 0)
        facts = self.call_facts
        if facts.has_buffer:
            self.stamp(numbers["take.results"], 0, 0, 0)
        has_area = False
        count = len(facts.params)
        for k in range(count):
            c, place = facts.params[k], facts.places[k]
            if place >= 0:
                self.stamp(pieces.take[c * REGISTER_COUNT + place], self.local_place(k), 0, 0)
                continue
            if not has_area:
                has_area = True
                self.stamp(numbers["area"], 0, 0, 0)
            area = layout.STACK_OVERFLOW_AREA + layout.VALUE_SLOT_BYTES * ~place
            self.stamp(pieces.take_area[c], self.local_place(k), area, 0)
        local_count = len(self.local_entries)
        if local_count > count:
            lowest = self.local_place(local_count - 1)
            words = (self.local_place(count) + SLOT_BYTES[self.local_classes[count]] - lowest) // 8
            if words > 8:
                self.stamp(numbers["zero.many"], lowest, words, 0)
            else:
                for k in range(words):
                    self.stamp(numbers["zero.i64"], lowest + 8 * k, 0, 0)
        counters.count_entry(self)
        fuel.charge_entry(self)
        return frame_at

    def stamp_with_hole(self, number: i64) -> i64:
        """Stamp a piece whose only hole, or first one, is filled in later; returns where it is."""
        at = self.here() + len(self.library.stencil(number).code)
        self.stamp(number, 0, 0, 0)
        return at

    def local_place(self, local: i64) -> i64:
        """The offset from the frame pointer of a local's slot."""
        return self.local_entries[local] >> 5

    def finish_frame(self, frame_at: i64) -> None:
        """Fill in the frame's size, which keeps the stack aligned to 16."""
        size = self.deepest + BASELINE_FRAME_BYTES - 16
        size = (size + 15) // 16 * 16
        self.overwrite(frame_at, size)
        if self.has_probe:
            self.overwrite(self.probe_at, layout.STACK_LIMIT + size + _FREE_FRAME_BYTES)

    def write_traps(self) -> None:
        """Write the code that traps, once for each kind, and fill in the branches to it."""
        places: dict[int, i64] = {}
        for at, kind in self.traps:
            if kind not in places:
                places[kind] = self.here()
                self.stamp(self.pieces.numbers["trap"], kind, 0, 0)
            self.patch(at, places[kind])

    # Instructions that are stamped.

    def variant_of_two(self, base: i64) -> i64:
        """The number of the stencil for the two topmost operands, which are made to fit one."""
        height = self.height - 2
        x = self.entries[height]
        y = self.entries[height + 1]
        number = base + self.rows.binary[(x & 3) << 2 | y & 3] + (height & 3)
        if self.rows.has[number] == 0:
            self.fetch(height)
            y = self.entries[height + 1]
            number = base + self.rows.unary[y & 3] + (height & 3)
        return number

    def two(self, base: i64, c: i64) -> None:
        """Stamp an instruction with two operands and one result."""
        number = self.variant_of_two(base)
        height = self.height - 2
        x = self.entries[height]
        y = self.entries[height + 1]
        if x & 3 != REGISTER or (x >> 2) & 7 != c:
            self.claim(height)
        self.stamp(number, x >> 5, y >> 5, 0)
        self.drop(2)
        self.push_register(c)

    def one(self, base: i64, c: i64) -> None:
        """Stamp an instruction with one operand and one result."""
        height = self.height - 1
        x = self.entries[height]
        if x & 3 == CONSTANT:
            self.fetch(height)
            x = self.entries[height]
        if x & 3 != REGISTER or (x >> 2) & 7 != c:
            self.claim(height)
        self.stamp(base + self.rows.unary[x & 3] + (height & 3), x >> 5, 0, 0)
        self.drop(1)
        self.push_register(c)

    # Exceptions.

    def dispatch(self, frame: Frame) -> None:
        """See exceptions.dispatch."""
        exceptions.dispatch(self, frame)

    # Locals.

    def set_local(self, local: i64) -> None:
        """Set a local to the topmost operand, which stays on the stack."""
        wanted = self.local_entries[local]
        k = self.height - 1
        entry = self.entries[k]
        if entry == wanted:
            return
        place = wanted >> 5
        c = (wanted >> 2) & 7
        self.height = k  # what is set does not count among those that need the former value
        if self.low < k:
            self.flush_local(wanted)
        self.height = k + 1
        kind = entry & 3
        if kind == REGISTER:
            self.stamp(self.pieces.put[c * 4 + (k & 3)], place, 0, 0)
        elif kind == CONSTANT:
            self.stamp(self.pieces.put_constant[c], entry >> 5, place, 0)
        else:
            self.stamp(self.pieces.copy[c], entry >> 5, place, 0)

    def tee_local(self, local: i64) -> None:
        """Set a local to the topmost operand. One that is in a slot is from then on what the local holds."""
        self.set_local(local)
        k = self.height - 1
        if self.entries[k] & 3 == OWN:
            self.entries[k] = self.local_entries[local]
            if self.low > k:
                self.low = k
