"""Blocks: where they begin and end, and what cannot be reached between (core specification, section 4.4.8).

Each function here handles an instruction of a function that is being compiled, whose opcode has been read. To be
compiled by mypyc.
"""

from __future__ import annotations

from jormun.baseline import counters, fuel
from jormun.baseline.branches import branch, variant_of_one, write_return
from jormun.baseline.catalogue import class_of
from jormun.baseline.frame import BLOCK, BODY, ELSE, IF, LOOP, Frame
from jormun.baseline.operands import CONSTANT, REGISTER
from jormun.hints import TYPE_CHECKING, Final, i64
from jormun.opcodes.signatures import Rule
from jormun.syntax.code import END, read_immediates, read_row
from jormun.syntax.type_bytes import EMPTY_BLOCK
from jormun.syntax.type_code import read_blocktype
from jormun.types import F32, F64, I32, I64, V128

if TYPE_CHECKING:
    from jormun.baseline.compile import FunctionCompiler

NOTHING: Final[list[int]] = []
SINGLE: Final[dict[int, list[int]]] = {t.value: [class_of(t)] for t in (I32, I64, F32, F64, V128)}
"""What the block types of one byte that are value types give."""
OPENERS: Final = (Rule.BLOCK, Rule.LOOP, Rule.IF, Rule.TRY_TABLE)


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
        type, f.at = read_blocktype(f.body, f.at)
        if isinstance(type, int):
            call = f.facts.call(type)
            params, results = call.params, call.results
        else:
            results = [] if type is None else [class_of(type)]
    f.flush_all()
    frame = Frame(kind, f.height - len(params), params, results, f.frames[-1].handler)
    f.frames.append(frame)
    return frame


def block(f: FunctionCompiler) -> None:
    """`block`."""
    # FAST: nearly all blocks take and give nothing.
    if f.code[f.at] == EMPTY_BLOCK:
        f.at += 1
        height = f.height
        if f.low < height:
            f.flush_all()
        f.frames.append(Frame(BLOCK, height, NOTHING, NOTHING, f.frames[-1].handler))
    else:
        open_frame(f, BLOCK)


def loop(f: FunctionCompiler) -> None:
    """`loop`: its label is here."""
    offset = f.at - 1
    frame = open_frame(f, LOOP)
    fuel.start_loop(f)
    frame.position = f.here()
    counters.count(f, f.loop_weight, offset)
    fuel.charge_round(f)


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
    fuel.charge(f)


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
    fuel.charge(f)


def if_test(f: FunctionCompiler, opcode: i64) -> None:
    """A test of one operand and `if`."""
    number, x = variant_of_one(f, f.rows.unlesses[opcode])
    f.drop(1)
    f.at += 1
    frame = open_frame(f, IF)
    f.stamp(number, x, 0, 0)
    frame.else_at = f.branch_at
    fuel.charge(f)


def else_(f: FunctionCompiler) -> None:
    """`else`: the end of the first part, and the start of the second."""
    frame = f.frames[-1]
    if f.is_reachable:
        branch(f, frame)
    start_else(f, frame)
    fuel.charge(f)


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
    if frame.caught:
        if f.is_reachable:
            branch(f, frame)
        f.dispatch(frame)
        f.is_reachable = False
    if frame.sources or frame.table_sources is not None:
        if f.is_reachable and f.low < f.height:
            f.flush_all()
        bind(f, frame)
        reset(f, frame, frame.results)
        f.is_reachable = True
    if not f.is_reachable:
        return
    if frame.kind == BODY:
        write_return(f)
    else:
        fuel.charge(f)


def bind(f: FunctionCompiler, frame: Frame) -> None:
    """Fill in the branches to the end of a block, which is here."""
    here = f.here()
    for source in frame.sources:
        f.overwrite(source, here - source - 4)
    if frame.table_sources is not None:
        for source, table in frame.table_sources:
            f.overwrite(source, here - table)


def reset(f: FunctionCompiler, frame: Frame, classes: list[int]) -> None:
    """The state at a label: operands of these classes above the height of a frame, all in their slots."""
    f.height = frame.height
    if classes:
        f.low = frame.height
        f.push_own(classes)
    f.low = f.height


def skip(f: FunctionCompiler) -> None:
    """Pass over what cannot be reached, up to the `else` or `end` of the innermost block, and handle that."""
    code, depth = f.body, 0
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
