"""From a validated function's bytes to LLVM text, in one pass (core specification, section 4.4).

Locals live in stack slots (`alloca`), which LLVM turns into registers; within a straight run of code their values are
remembered. A branch hands its values over in slots too, one for each position and type, shared by all labels: they are
written right before the jump and read right behind the label. So text and time are linear in the size of the function,
whatever its shape. Code that cannot be reached is skipped.

To be compiled by mypyc.
"""

from __future__ import annotations

from collections.abc import Container
from typing import NoReturn

from jormun.errors import UnsupportedError
from jormun.llvm.accesses import llvm_type
from jormun.llvm.convention import REF
from jormun.llvm.lines import NAMED, NAMES
from jormun.llvm.templates import Template, make
from jormun.opcodes.signatures import Rule
from jormun.opcodes.table import BY_CODE, BY_NAME, Row
from jormun.optimizing import exceptions, fuel, roots
from jormun.optimizing.accesses import ACCESSES
from jormun.optimizing.entry import Entry
from jormun.optimizing.frame import BODY, Frame, slot
from jormun.optimizing.objects import ObjectOps
from jormun.optimizing.passing import Passing, finish_returns
from jormun.optimizing.prologue import prologue
from jormun.optimizing.rows import HANDLERS, operands_of
from jormun.optimizing.shapes import CallShape, ModuleShape
from jormun.runtime import layout
from jormun.runtime.metering.charges import NO_CHARGES, Charges, charges
from jormun.syntax.code import END, read_immediates, read_row
from jormun.syntax.leb128 import read_s64, read_u32, read_u64

LARGE_BODY_BYTES = 100_000
"""Only bodies longer than this can be hard for LLVM."""
HARD_BODY_BYTES, HARD_LABELS, HARD_BLOCK_LINES = 2_000_000, 20_000, 100_000
"""Beyond one of these, LLVM may take a minute for a function. Of the programs tried, PHP has the function with the most
labels, 15,000, and Clang the one with the longest block, 10,000 lines."""
CUT_BLOCK_LINES = 2_000
HAS_MEMORY = 0x40
"""From here on the first byte of a memarg says that it names a memory."""
MOST_LINES, MOST_LINES_PER_BYTE = 500_000, 20
"""A function may become so many lines, or so many for each of its bytes, if that is more: a call or a block of two
bytes may move 2,000 values. What compilers write becomes one line a byte."""
TERMINATORS = ("br ", "ret ", "switch ", "unreachable")
CONDITION_TAKERS = frozenset(
    row.code for row in BY_CODE.values() if row.signature in (Rule.BR_IF, Rule.IF, Rule.SELECT, Rule.SELECT_TYPED)
)
"""Instructions that ask whether the i32 on top is 0: they take a comparison's condition before it is made an i32."""
I32_CONST, I64_CONST = BY_NAME["i32.const"][0].code, BY_NAME["i64.const"][0].code
LEAVERS = frozenset({END, BY_NAME["else"][0].code})
FIRST_LOCAL, LOCAL_SET, LAST_LOCAL = (BY_NAME[f"local.{verb}"][0].code for verb in ("get", "set", "tee"))
LITERALS = [str(byte - ((byte & 0x40) << 1)) for byte in range(0x80)]
"""Constants that are encoded in one byte."""


class FunctionLowering:
    """One function on its way to text. `unit` holds the functions that are compiled together with it.

    With `entry` it is not the function itself, but one that goes on at the head of one of its loops (entry.py). With
    `passes_fuel` its calls of the unit's functions pass what is left of the fuel (passing.py).
    """

    def __init__(
        self,
        shape: ModuleShape,
        func_index: int,
        unit: Container[int],
        entry: Entry | None = None,
        *,
        passes_fuel: bool = False,
    ) -> None:
        self.shape = shape
        self.func_index = func_index
        self.unit = unit
        self.entry = entry
        function = shape.valid.module.functions[func_index - shape.imported_function_count]
        self.call_shape: CallShape = shape.function_shape(func_index)
        self.code: bytes = function.body.code
        self.charges: Charges = NO_CHARGES if shape.costs is None else charges(self.code, shape.costs)
        """Where fuel is to be paid, and how much."""
        self.at = 0
        self.is_reachable = True
        self.local_types: list[str] = list(self.call_shape.params)
        for count, t in function.locals:
            self.local_types += [llvm_type(t)] * count
        self.local_places = [
            f", ptr %l{i}, {roots.ROOT}" if t == REF else f", ptr %l{i}" for i, t in enumerate(self.local_types)
        ]
        self.op = ObjectOps(shape, shape.architecture)
        self.lines: list[str] = self.op.lines
        self.values: list[str] = []
        self.types: list[str] = []
        self.frames: list[Frame] = []
        self.known: dict[int, str] = {}
        """The values of locals since the last label."""
        self.kept: list[str] = []
        """The operands in the function's roots (roots.py): by position, the name of the one that is there, or none."""
        self.reference_locals: list[int] = [k for k, t in enumerate(self.local_types) if t == REF]
        self.root_count = 0
        """How many operands the roots have room for."""
        self.slots: set[tuple[int, str]] = set()
        self.buffer_slots = 0
        """The longest buffer for results that a call needs."""
        self.thrown_slots = 0
        """The most values that an exception is thrown with."""
        self.catches = False
        """Whether exceptions come to a `try_table` of the function."""
        self.has_loops = False
        self.joins = 0
        """Labels so far: at each, LLVM may need a phi for each local and slot."""
        self.most_lines = max(MOST_LINES, MOST_LINES_PER_BYTE * len(self.code))
        self.is_hard = False
        self.makes_tail_calls = False
        self.uses_overflow = len(self.call_shape.registers) < len(self.call_shape.passed)
        """Whether arguments pass through the overflow area, the function's own or those of its calls."""
        self.calls = 0
        """Calls so far: the accesses in a loop without any may be vectorised."""
        self.passing = Passing(passes_fuel)

    def text(self) -> str:
        """The LLVM text that defines `f{func_index}`, or the entry.

        Raises UnsupportedError.
        """
        self.lower_body()
        return self.finished()

    def lower_body(self) -> None:
        """The first part of `text`: all that does not depend on the other functions of the unit."""
        self.frames.append(Frame(BODY, "done", 0, [], self.call_shape.results))
        fuel.charge_entry(self)
        self.lower()
        if self.entry is not None:
            self.entry.complete(self)
        if len(self.code) > LARGE_BODY_BYTES:
            self.cut_blocks()

    def finished(self) -> str:
        """The second part of `text`, once it is known who calls the function."""
        finish_returns(self)
        return "\n".join([*prologue(self), *self.lines, *self.op.unpaid_blocks(), *self.op.trap_blocks(), "}\n"])

    def cut_blocks(self) -> None:
        """Find out whether LLVM would seem to hang on this function, and cut its longest blocks if so.

        Several passes, and the code generator within a block, take quadratic time. Blocks stay cut only if the
        optimizer leaves them alone.
        """
        labels, longest, run = 0, 0, 0
        for line in self.lines:
            if line[-1] == ":":
                labels += 1
                run = 0
            else:
                run += 1
                longest = max(longest, run)
        self.is_hard = len(self.code) > HARD_BODY_BYTES or labels > HARD_LABELS or longest > HARD_BLOCK_LINES
        if not self.is_hard:
            return
        lines: list[str] = []
        for line in self.lines:
            lines.append(line)
            run = 0 if line[-1] == ":" else run + 1
            if run > CUT_BLOCK_LINES and not line.startswith(TERMINATORS) and "tail call " not in line:
                label = self.op.block_label()
                lines += [f"br label %{label}", f"{label}:"]
                run = 0
        self.lines[:] = lines

    @property
    def most_phis(self) -> int:
        """How many phis LLVM may need, at most, when it turns stack slots into registers."""
        return self.joins * (len(self.local_types) + len(self.slots) + self.op.is_metered)

    @property
    def body_symbol(self) -> str:
        """The function as it is defined when it makes tail calls: with all registers as parameters."""
        return f"@t{self.func_index}"

    def lower(self) -> None:
        """Lower until all open blocks have ended.

        FAST: the arms do nine of ten instructions with what they need at hand; `step` takes 3 times as long.
        """
        code, op = self.code, self.op
        values, types, lines, known = self.values, self.types, self.lines, self.known
        local_types, local_places = self.local_types, self.local_places
        templates = self.shape.templates
        accesses = ACCESSES if self.shape.is_plain else {}
        at = self.at
        while True:
            opcode = code[at]
            at += 1
            if FIRST_LOCAL <= opcode <= LAST_LOCAL:
                local = code[at]
                at += 1
                if local >= 0x80:
                    local, at = read_u32(code, at - 1)
                if opcode == FIRST_LOCAL:
                    value = known.get(local)
                    if value is None:
                        number = op.count = op.count + 1
                        value = known[local] = NAMES[number] if number < NAMED else f"%{number}00"
                        lines.append(f"{value} = load {local_types[local]}{local_places[local]}")
                    values.append(value)
                    types.append(local_types[local])
                else:
                    value = known[local] = values[-1]
                    lines.append(f"store {types[-1]} {value}{local_places[local]}")
                    if opcode == LOCAL_SET:
                        values.pop()
                        types.pop()
                continue
            if I32_CONST <= opcode <= I64_CONST:
                byte = code[at]
                if byte < 0x80:
                    at += 1
                    values.append(LITERALS[byte])
                else:
                    constant, at = read_s64(code, at)
                    values.append(str(constant))
                types.append("i32" if opcode == I32_CONST else "i64")
                continue
            template = templates.get(opcode)
            if template is not None:
                if not template.head:
                    self.at = at
                    self.stamp(template)
                    continue
                number = op.count = op.count + 1
                name = NAMES[number] if number < NAMED else f"%{number}00"
                if template.arity == 2:
                    types.pop()
                    y = values.pop()
                    lines.append(f"{name}{template.head}{values[-1]}{template.tail}{y}")
                else:
                    lines.append(f"{name}{template.head}{values[-1]}{template.tail}")
                values[-1] = name
                types[-1] = template.type
                if template.is_condition and code[at] not in CONDITION_TAKERS:
                    self.extend_condition()
                continue
            if opcode in accesses and code[at] < HAS_MEMORY:
                offset = code[at + 1]
                after = at + 2
                if offset >= 0x80:
                    offset, after = read_u64(code, at + 1)
                if offset <= layout.MEMORY_GUARDED_OFFSET_BYTES:
                    at = after
                    op.access(accesses[opcode], offset, values, types)
                    continue
            self.at = at
            handler = HANDLERS.get(opcode)
            if handler is None:
                self.step()
            else:
                handler(self)
            if len(lines) > self.most_lines:
                self.refuse_length()
            while not self.is_reachable and self.frames:
                self.skip()
            if not self.frames:
                return
            at = self.at

    def refuse_length(self) -> NoReturn:
        """Give the function up, whose text is too long. Raises UnsupportedError."""
        raise UnsupportedError(f"function {self.func_index}: its calls and blocks move too many values")

    def step(self) -> None:
        """Lower an instruction, the first byte of whose opcode has been read."""
        row, self.at = read_row(self.code, self.at - 1)
        handler = HANDLERS.get(row.code)
        if handler is not None:
            handler(self)
            return
        templates = self.shape.templates
        if row.code not in templates:
            templates[row.code] = None if row.immediates else make(row, self.shape.architecture)
        template = templates[row.code]
        if template is None:
            self.apply(row)
        else:
            self.stamp(template)

    def stamp(self, template: Template) -> None:
        """Lower an instruction by filling in its template, or as its semantics say if that takes no literals."""
        values, op = self.values, self.op
        arity = template.arity
        operands = values[-arity:] if arity else []
        if not template.takes_literals:
            for operand in operands:
                if operand[0] != "%":
                    self.apply(template.row)
                    return
        number = op.count = op.count + 1
        if template.text:
            self.lines.append(template.text % template.pick((number, *operands)))
        if arity:
            del values[-arity:], self.types[-arity:]
        if template.traps:
            op.traps.update(template.traps)
        if len(template.results) == 1:
            self.push(template.result % number, template.type)
            if template.is_condition and self.code[self.at] not in CONDITION_TAKERS:
                self.extend_condition()
        else:
            for name, type in zip(template.results, template.types, strict=True):
                self.push(name % number, type)

    def extend_condition(self) -> None:
        """Make a number of the condition on top of the stack."""
        self.values[-1] = self.op.line(f"zext i1 {self.values[-1]} to i32")
        self.types[-1] = "i32"

    def apply(self, row: Row) -> None:
        """Lower an instruction that pops its operands, computes and pushes its results."""
        immediates, self.at = read_immediates(self.code, self.at, row)
        count, results = operands_of(self.shape, row, immediates)
        height = len(self.values) - count
        operands = self.values[height:]
        del self.values[height:], self.types[height:]
        answer = row.semantics(self.op, *row.static, *immediates, *operands)
        if len(results) == 1:
            self.push(answer, results[0])
        elif results:
            self.values += answer
            self.types += results

    def skip(self) -> None:
        """Pass over what cannot be reached, up to the `else` or `end` of the innermost block, and lower that."""
        code, depth = self.code, 0
        while True:
            row, self.at = read_row(code, self.at)
            if depth == 0 and row.code in LEAVERS:
                HANDLERS[row.code](self)
                return
            if row.opens_block:
                depth += 1
            elif row.code == END:
                depth -= 1
            _, self.at = read_immediates(code, self.at, row)

    # The stack.

    def push(self, value: str, type: str) -> None:
        """Push a value."""
        self.values.append(value)
        self.types.append(type)

    def pop(self) -> str:
        """Pop a value."""
        self.types.pop()
        return self.values.pop()

    def pop_condition(self) -> str:
        """Pop an i32: the condition that it is not 0."""
        value = self.values.pop()
        return value if self.types.pop() == "i1" else self.op.line(f"icmp ne i32 {value}, 0")

    def read_u32(self) -> int:
        """The next immediate, an index."""
        value = self.code[self.at]
        if value < 0x80:
            self.at += 1
        else:
            value, self.at = read_u32(self.code, self.at)
        return value

    # Exceptions.

    def call_in_try(self, handler: Frame, shape: CallShape, code: str, values: list[str]) -> None:
        """See exceptions.call."""
        exceptions.call(self, handler, shape, code, values)

    def dispatch(self, frame: Frame) -> None:
        """See exceptions.dispatch."""
        exceptions.dispatch(self, frame)

    # Labels.

    def start_block(self, label: str) -> None:
        """Begin a block that may have several ways in."""
        self.joins += 1
        self.lines.append(f"{label}:")
        self.known.clear()
        self.op.pointers.clear()

    def hand_over(self, types: list[str]) -> None:
        """Write the values on top of the stack into the slots where labels find theirs."""
        base = len(self.values) - len(types)
        for k, type in enumerate(types):
            self.slots.add((k, type))
            self.lines.append(f"store {type} {self.values[base + k]}, ptr {slot(k, type)}")

    def take_over(self, frame: Frame, types: list[str], label: str = "") -> None:
        """Begin the block of a frame's label, or another one for the same values: the stack is as high as the frame has
        it, and the slots' values are on top.
        """
        self.start_block(label or frame.label)
        self.reset(frame)
        roots.reload(self)
        for k, type in enumerate(types):
            self.push(self.op.line(f"load {type}, ptr {slot(k, type)}"), type)

    def reset(self, frame: Frame) -> None:
        """Drop what lies above the height of a frame."""
        if len(self.values) > frame.height:
            del self.values[frame.height :], self.types[frame.height :]
        del self.kept[frame.height :]
