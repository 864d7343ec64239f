"""Branches and returns (core specification, section 4.4.8).

Each function here handles an instruction of a function that is being compiled, whose opcode has been read. To be
compiled by mypyc.
"""

from __future__ import annotations

from jormun.baseline import fuel
from jormun.baseline.catalogue import CLASS_I64
from jormun.baseline.frame import BODY, LOOP, Frame
from jormun.baseline.operands import CONSTANT, LOCAL, OWN, REGISTER
from jormun.errors import TrapKind
from jormun.hints import TYPE_CHECKING, i64

if TYPE_CHECKING:
    from jormun.baseline.compile import FunctionCompiler


def br(f: FunctionCompiler) -> None:
    """`br l`."""
    frame = f.frames[-1 - f.read_unsigned()]
    if frame.is_direct:
        f.stamp(f.pieces.jump, 0, 0, 0)
        aim(f, frame, f.branch_at)
    else:
        branch(f, frame)
    f.is_reachable = False


def return_(f: FunctionCompiler) -> None:
    """`return`."""
    write_return(f)
    f.is_reachable = False


def br_if(f: FunctionCompiler) -> None:
    """`br_if l`."""
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
    taken: i64 = f.rows.unlesses[opcode] if is_inverted else f.rows.ifs[opcode]
    passed: i64 = f.rows.ifs[opcode] if is_inverted else f.rows.unlesses[opcode]
    number = f.variant_of_two(taken)
    k = f.height - 2
    x, y = f.entries[k] >> 5, f.entries[k + 1] >> 5
    f.height = k
    if f.low > k:
        f.low = k
    f.at += 1
    frame = f.frames[-1 - f.read_unsigned()]
    # FAST: without the general case, where something may have to be moved, for nearly all branches.
    if frame.is_direct:
        f.stamp(number, x, y, 0)
        aim(f, frame, f.branch_at)
        fuel.charge(f)
    else:
        branch_if(f, frame, number, passed + number - taken, x, y)


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
    if frame.is_direct or can_aim(f, frame):
        if not frame.is_direct:
            carry(f, frame)
        f.stamp(taken, x, y, 0)
        aim(f, frame, f.branch_at)
        fuel.charge(f)
        return
    # Values go to slots that are others' as long as the branch is not taken.
    for k in range(f.height - len(frame.carried), f.height):
        f.flush(k)
    f.stamp(passed, x, y, 0)
    around = f.branch_at
    branch(f, frame)
    f.patch(around, f.here())
    fuel.charge(f)


def br_table(f: FunctionCompiler) -> None:
    """`br_table l* l`: an index into distances that stand behind the jump."""
    k = f.height - 1
    f.flush(k)
    index = f.entries[k] >> 5
    f.drop(1)
    length = f.read_unsigned()
    targets: list[Frame] = []
    frames = f.frames
    for _ in range(length + 1):
        targets.append(frames[-1 - f.read_unsigned()])
    for k in range(f.height - len(targets[0].carried), f.height):
        f.flush(k)
    f.stamp(f.pieces.numbers["switch"], index, length, 0)
    at, _, _ = f.references.pop()
    table = f.here()
    f.patch(at, table)
    f.out.write(bytes(4 * len(targets)))
    # Labels that want their values elsewhere, and the function's end, are reached by way of code that sees to it.
    ways: dict[int, i64] = {}
    entry = table
    for frame in targets:
        if frame.is_direct or can_aim(f, frame):
            aim_entry(f, frame, entry, table)
        else:
            if id(frame) not in ways:
                ways[id(frame)] = f.here()
                branch(f, frame)
            f.overwrite(entry, ways[id(frame)] - table)
        entry += 4
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


# What they are made of.


def variant_of_one(f: FunctionCompiler, base: i64) -> tuple[i64, i64]:
    """The number of the stencil for the topmost operand, and what fills its hole."""
    k = f.height - 1
    if f.entries[k] & 3 == CONSTANT:
        f.fetch(k)
    x = f.entries[k]
    return base + f.rows.unary[x & 3] + (k & 3), x >> 5


def aim(f: FunctionCompiler, frame: Frame, at: i64) -> None:
    """Have the branch at `at` go to the label of a frame."""
    if frame.kind == LOOP:
        f.patch(at, frame.position)
    else:
        frame.sources.append(at)


def aim_entry(f: FunctionCompiler, frame: Frame, at: i64, table: i64) -> None:
    """Have the entry at `at` of a table lead to the label of a frame."""
    if frame.kind == LOOP:
        f.overwrite(at, frame.position - table)
    else:
        if frame.table_sources is None:
            frame.table_sources = []
        frame.table_sources.append((at, table))


def can_aim(f: FunctionCompiler, frame: Frame) -> bool:
    """Whether the values for a label are right above the height that it has, so that their slots are its own."""
    return frame.kind != BODY and f.height - len(frame.carried) == frame.height


def carry(f: FunctionCompiler, frame: Frame) -> None:
    """Have the values for a label where it finds them. Slots of operands between may be overwritten."""
    classes = frame.carried
    arity = len(classes)
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
