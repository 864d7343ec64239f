"""Blocks, branches, and operands that are only moved (core specification, sections 4.4.1, 4.4.8 and 4.4.9).

Each function here handles one instruction of a function that is being compiled, whose opcode has been read. To be
compiled by mypyc.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jormun.baseline.catalogue import CLASS_I64, class_of
from jormun.baseline.frame import BLOCK, BODY, ELSE, IF, LOOP, Frame
from jormun.baseline.operands import CONSTANT, LOCAL, OWN, REGISTER
from jormun.errors import TrapKind
from jormun.hints import i64
from jormun.opcodes.signatures import Rule
from jormun.syntax.code import END, read_immediates, read_row
from jormun.syntax.type_code import EMPTY_BLOCK, read_blocktype, read_valtype
from jormun.types import F32, F64, I32, I64, V128

if TYPE_CHECKING:
    from jormun.baseline.compile import FunctionCompiler

NOTHING: Final[list[int]] = []
SINGLE: Final[dict[int, list[int]]] = {t.value: [class_of(t)] for t in (I32, I64, F32, F64, V128)}
"""What the block types of one byte that are value types give."""
OPENERS: Final = (Rule.BLOCK, Rule.LOOP, Rule.IF, Rule.TRY_TABLE)
AT_ENTRY: Final = -1
"""In place of a loop's offset, when a function's entry has used up the counter."""


# Blocks.


def open_frame(f: FunctionCompiler, kind: i64) -> Frame:
    """Read a block type and push the frame of a block that begins here, with all operands in their slots."""
    byte: i64 = f.code[f.at]
    params = NOTHING
    # FAST: nearly all blocks take nothing and give nothing or a number.
    if byte == EMPTY_BLOCK:
        f.at += 1
        results = NOTHING
    elif byte in SINGLE:
        f.at += 1
        results = SINGLE[byte]
    else:
        type, f.at = read_blocktype(f.code, f.at)
        if isinstance(type, int):
            call = f.facts.call(type)
            params, results = call.params, call.results
        else:
            results = [] if type is None else [class_of(type)]
    f.flush_all()
    frame = Frame(kind, f.height - len(params), params, results)
    f.frames.append(frame)
    return frame


def block(f: FunctionCompiler) -> None:
    """`block`."""
    open_frame(f, BLOCK)


def loop(f: FunctionCompiler) -> None:
    """`loop`: its label is here."""
    offset = f.at - 1
    frame = open_frame(f, LOOP)
    frame.position = f.here()
    count(f, f.loop_weight, offset)


def if_(f: FunctionCompiler) -> None:
    """`if`."""
    k = f.height - 1
    entry = f.entries[k]
    f.drop(1)
    if entry & 3 == REGISTER:
        frame = open_frame(f, IF)  # nothing of it touches the register of the operand above
        f.stamp(f.pieces.unless[k & 3], 0, 0, 0)
    else:
        frame = open_frame(f, IF)
        if entry & 3 == CONSTANT:
            f.stamp(f.pieces.constant[k & 3], entry >> 5, 0, 0)
            f.stamp(f.pieces.unless[k & 3], 0, 0, 0)
        else:
            f.stamp(f.pieces.unless_slot, entry >> 5, 0, 0)
    frame.else_at = f.branch_at


def if_two(f: FunctionCompiler, opcode: i64, is_inverted: bool) -> None:
    """A comparison and `if`: the second part is where it does not hold."""
    base: i64 = f.rows.ifs[opcode] if is_inverted else f.rows.unlesses[opcode]
    number = f.variant_of_two(base)
    k = f.height - 2
    x, y = f.entries[k], f.entries[k + 1]
    f.drop(2)
    f.at += 1
    frame = open_frame(f, IF)
    f.stamp(number, x >> 5, y >> 5, 0)
    frame.else_at = f.branch_at


def if_test(f: FunctionCompiler, opcode: i64) -> None:
    """A test of one operand and `if`."""
    number, x = variant_of_one(f, f.rows.unlesses[opcode])
    f.drop(1)
    f.at += 1
    frame = open_frame(f, IF)
    f.stamp(number, x, 0, 0)
    frame.else_at = f.branch_at


def variant_of_one(f: FunctionCompiler, base: i64) -> tuple[i64, i64]:
    """The number of the stencil for the topmost operand, and what fills its hole."""
    k = f.height - 1
    if f.entries[k] & 3 == CONSTANT:
        f.fetch(k)
    x = f.entries[k]
    return base + ((x & 3) + 1) // 2 * 4 + (k & 3), x >> 5


def else_(f: FunctionCompiler) -> None:
    """`else`: the end of the first part, and the start of the second."""
    frame = f.frames[-1]
    if f.is_reachable:
        branch(f, frame)
    start_else(f, frame)


def start_else(f: FunctionCompiler, frame: Frame) -> None:
    """Begin the second part of an `if`, on the parameters that the first had."""
    f.patch(frame.else_at, f.here())
    frame.kind = ELSE
    reset(f, frame, frame.params)
    f.is_reachable = True


def end(f: FunctionCompiler) -> None:
    """`end`: of a block, where all its branches meet, or of the function."""
    frame = f.frames[-1]
    if frame.kind == IF:  # one without an `else`: its parameters are its results
        if f.is_reachable:
            branch(f, frame)
        start_else(f, frame)
    f.frames.pop()
    if frame.is_targeted and frame.kind != LOOP:
        if f.is_reachable:
            f.flush_all()
        bind(f, frame)
        reset(f, frame, frame.results)
        f.is_reachable = True
    if frame.kind == BODY and f.is_reachable:
        write_return(f)


def bind(f: FunctionCompiler, frame: Frame) -> None:
    """Fill in the branches to the end of a block, which is here."""
    here = f.here()
    for source in frame.sources:
        table = source >> 32
        if table:
            f.patch_number(source & 0xFFFF_FFFF, here - table)
        else:
            f.patch(source, here)


def reset(f: FunctionCompiler, frame: Frame, classes: list[int]) -> None:
    """The state at a label: operands of these classes above the height of a frame, all in their slots."""
    f.height = frame.height
    f.low = frame.height
    f.push_own(classes)
    f.low = f.height


def skip(f: FunctionCompiler) -> None:
    """Pass over what cannot be reached, up to the `else` or `end` of the innermost block, and handle that."""
    code, depth = f.code, 0
    # FAST: mostly the block ends here.
    if code[f.at] == END:
        f.at += 1
        end(f)
        return
    while True:
        row, at = read_row(code, f.at)
        f.at = at
        rule = row.signature
        if rule in OPENERS:
            depth += 1
        elif depth == 0 and rule is Rule.END:
            end(f)
            return
        elif depth == 0 and rule is Rule.ELSE:
            else_(f)
            return
        elif rule is Rule.END:
            depth -= 1
        _, at = read_immediates(code, f.at, row)
        f.at = at


# Branches.


def aim(f: FunctionCompiler, frame: Frame, at: i64, table: i64 = 0) -> None:
    """Have the branch at `at` go to the label of a frame. In a table, distances count from its start."""
    frame.is_targeted = True
    if frame.kind != LOOP:
        frame.sources.append(at | table << 32)
    elif table:
        f.patch_number(at, frame.position - table)
    else:
        f.patch(at, frame.position)


def is_in_place(f: FunctionCompiler, frame: Frame) -> bool:
    """Whether the values for a label are right above the height that it has, so that their slots are its own."""
    return f.height - len(frame.carried) == frame.height


def carry(f: FunctionCompiler, frame: Frame) -> None:
    """Have the values for a label where it finds them. Slots of operands between may be overwritten."""
    classes = frame.carried
    arity = len(classes)
    if not arity:
        return
    first = f.height - arity
    k = first
    while k < f.height:
        f.flush(k)
        k += 1
    if first == frame.height:
        return
    end_ = f.end_of(frame.height - 1)
    for index in range(arity):
        c = classes[index]
        end_ += 16 if c == 4 else 8
        f.stamp(f.pieces.copy[c], f.entries[first + index] >> 5, f.place_of(end_), 0)


def branch(f: FunctionCompiler, frame: Frame) -> None:
    """Jump to the label of a frame, with the values on top of the stack."""
    if frame.kind == BODY:
        write_return(f)
        return
    carry(f, frame)
    f.stamp(f.pieces.jump, 0, 0, 0)
    aim(f, frame, f.branch_at)


def br(f: FunctionCompiler) -> None:
    """`br l`."""
    branch(f, f.frames[-1 - f.read_unsigned()])
    f.is_reachable = False


def return_(f: FunctionCompiler) -> None:
    """`return`."""
    write_return(f)
    f.is_reachable = False


def br_if(f: FunctionCompiler) -> None:
    """`br_if l`."""
    f.at += 1
    frame = f.frames[-1 - f.read_unsigned()]
    k = f.height - 1
    if f.entries[k] & 3 == CONSTANT:
        f.fetch(k)
    entry = f.entries[k]
    f.drop(1)
    if entry & 3 == REGISTER:
        branch_if(f, frame, f.pieces.if_[k & 3], f.pieces.unless[k & 3], 0, 0)
    else:
        branch_if(f, frame, f.pieces.if_slot, f.pieces.unless_slot, entry >> 5, 0)


def br_if_two(f: FunctionCompiler, opcode: i64, is_inverted: bool) -> None:
    """A comparison and `br_if l`."""
    rows = f.rows
    first_if: i64 = rows.ifs[opcode]
    first_unless: i64 = rows.unlesses[opcode]
    number = f.variant_of_two(first_if) - first_if
    k = f.height - 2
    x, y = f.entries[k], f.entries[k + 1]
    f.drop(2)
    f.at += 1
    frame = f.frames[-1 - f.read_unsigned()]
    if is_inverted:
        branch_if(f, frame, first_unless + number, first_if + number, x >> 5, y >> 5)
    else:
        branch_if(f, frame, first_if + number, first_unless + number, x >> 5, y >> 5)


def br_if_test(f: FunctionCompiler, opcode: i64) -> None:
    """A test of one operand and `br_if l`."""
    first_if: i64 = f.rows.ifs[opcode]
    number, x = variant_of_one(f, first_if)
    f.drop(1)
    f.at += 1
    frame = f.frames[-1 - f.read_unsigned()]
    branch_if(f, frame, number, f.rows.unlesses[opcode] + number - first_if, x, 0)


def branch_if(f: FunctionCompiler, frame: Frame, taken: i64, passed: i64, x: i64, y: i64) -> None:
    """A branch under a condition: `taken` and `passed` are stencils that branch if it holds, and if not."""
    if frame.kind != BODY and (not frame.carried or is_in_place(f, frame)):
        carry(f, frame)
        f.stamp(taken, x, y, 0)
        aim(f, frame, f.branch_at)
        return
    # Values go to slots that are others' as long as the branch is not taken.
    for k in range(f.height - len(frame.carried), f.height):
        f.flush(k)
    f.stamp(passed, x, y, 0)
    around = f.branch_at
    branch(f, frame)
    f.patch(around, f.here())


def br_table(f: FunctionCompiler) -> None:
    """`br_table l* l`: an index into distances that stand behind the jump."""
    k = f.height - 1
    f.flush(k)
    index = f.entries[k] >> 5
    f.drop(1)
    length = f.read_unsigned()
    targets: list[Frame] = []
    for _ in range(length + 1):
        targets.append(f.frames[-1 - f.read_unsigned()])
    for k in range(f.height - len(targets[0].carried), f.height):
        f.flush(k)
    f.stamp(f.pieces.numbers["switch"], index, length, 0)
    at, _, _ = f.references.pop()
    table = f.here()
    f.patch(at, table)
    for _ in targets:
        f.out.write(b"\0\0\0\0")
    # Labels that want their values elsewhere, and the function's end, are reached by way of code that sees to it.
    ways: dict[int, i64] = {}
    for position, frame in enumerate(targets):
        entry = table + 4 * position
        if frame.kind != BODY and (not frame.carried or is_in_place(f, frame)):
            aim(f, frame, entry, table)
            continue
        if id(frame) not in ways:
            ways[id(frame)] = f.here()
            branch(f, frame)
        f.patch_number(entry, ways[id(frame)] - table)
    f.is_reachable = False


def br_on_null(f: FunctionCompiler) -> None:
    """`br_on_null l`."""
    frame = f.frames[-1 - f.read_unsigned()]
    k = f.height - 1
    # The values of the label lie below the reference, which stays if the branch is not taken.
    f.flush(k)
    f.fetch(k)
    f.drop(1)
    branch_if(f, frame, f.pieces.unless_i64[k & 3], f.pieces.if_i64[k & 3], 0, 0)
    f.push_own([CLASS_I64])


def br_on_non_null(f: FunctionCompiler) -> None:
    """`br_on_non_null l`: the reference is the last of the label's values."""
    frame = f.frames[-1 - f.read_unsigned()]
    k = f.height - 1
    f.flush(k)
    f.fetch(k)
    register = k & 3
    f.entries[k] = f.slot(k) << 5 | CLASS_I64 << 2 | OWN
    branch_if(f, frame, f.pieces.if_i64[register], f.pieces.unless_i64[register], 0, 0)
    f.drop(1)


def unreachable(f: FunctionCompiler) -> None:
    """`unreachable`."""
    f.stamp(f.pieces.numbers["trap"], TrapKind.UNREACHABLE.value, 0, 0)
    f.is_reachable = False


def write_return(f: FunctionCompiler) -> None:
    """Return the values on top of the stack."""
    results = f.call_facts.results
    arity = len(results)
    if arity == 1:
        k = f.height - 1
        entry = f.entries[k]
        kind, c = entry & 3, results[0]
        if kind == REGISTER:
            f.stamp(f.pieces.give_register[c * 4 + (k & 3)], 0, 0, 0)
        elif kind == CONSTANT:
            f.stamp(f.pieces.give_constant[c], entry >> 5, 0, 0)
        else:
            f.stamp(f.pieces.give[c], entry >> 5, 0, 0)
    elif arity:
        for index in range(arity):
            k = f.height - arity + index
            if f.entries[k] & 3 != LOCAL:
                f.flush(k)
            f.stamp(f.pieces.give_buffer[results[index]], f.entries[k] >> 5, 16 * index, 0)
    f.stamp(f.pieces.leave, 0, 0, 0)


# Operands.


def drop(f: FunctionCompiler) -> None:
    """`drop`."""
    f.drop(1)


def select(f: FunctionCompiler) -> None:
    """`select`; with types or without, operands know theirs."""
    k = f.height - 3
    c = f.class_at(k)
    f.fetch(k)
    y = f.entries[k + 1]
    is_slot: i64 = 0
    if y & 3 == CONSTANT:
        f.fetch(k + 1)
    elif y & 3 != REGISTER:
        is_slot = 1
    f.fetch(k + 2)
    f.stamp(f.pieces.select[(c * 2 + is_slot) * 4 + (k & 3)], 0, y >> 5, 0)
    f.drop(2)


def select_typed(f: FunctionCompiler) -> None:
    """`select t`."""
    for _ in range(f.read_unsigned()):
        _, f.at = read_valtype(f.code, f.at)
    select(f)


# Counters.


def count_entry(f: FunctionCompiler) -> None:
    """Count an entry."""
    count(f, f.entry_weight, AT_ENTRY)


def count(f: FunctionCompiler, weight: i64, offset: i64) -> None:
    """Take from the function's counter; when it is used up, the run time is asked for better code."""
    if f.counts and weight:
        f.stamp(f.pieces.count, 4 * f.own_index, weight, 0)
        f.exits.append((f.branch_at, f.here(), offset))


def write_exits(f: FunctionCompiler) -> None:
    """Write what happens when counters are used up, behind the function's code."""
    numbers = f.pieces.numbers
    for at, back, offset in f.exits:
        f.patch(at, f.here())
        name = "tier_up.entry" if offset == AT_ENTRY else "tier_up.loop"
        f.stamp(numbers[name], f.own_index, offset, 0)
        f.patch(f.branch_at, back)
