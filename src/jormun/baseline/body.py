"""The main loop over a function's bytes (core specification, section 5.4.9).

The first loop does the most frequent instructions itself when all is as it mostly is, and leaves everything else to
`single`, which does any. To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.baseline import blocks, branches, calls, step
from jormun.baseline.catalogue import CLASS_I32
from jormun.baseline.operands import CONSTANT, REGISTER
from jormun.baseline.rows import (
    BLOCK,
    BR,
    BR_IF,
    BR_IF_CODE,
    CALL,
    COMPARE,
    CONST,
    DROP,
    END,
    EQZ_CODE,
    IF_CODE,
    LOAD,
    LOCAL_GET,
    LOCAL_SET,
    LOCAL_TEE,
    ONE,
    STORE,
    TEST,
    TWO,
)
from jormun.hints import TYPE_CHECKING, Final, i64

if TYPE_CHECKING:
    from jormun.baseline.compile import FunctionCompiler

_LONG: Final = 0x80
"""A byte from here on is not the last of its LEB128 number."""
_HAS_MEMORY: Final = 0x40


def run(f: FunctionCompiler) -> None:
    """Compile instructions up to the function's end, or to where the code cannot be reached."""
    code, rows, stencils = f.code, f.rows, f.stencils
    kinds, bases, results_of, unary, binary = rows.kinds, rows.bases, rows.results, rows.unary, rows.binary
    puts = f.pieces.put
    locals = f.local_entries
    # An index below this is of one byte, and of a local that is there.
    fast_locals: i64 = min(len(locals), _LONG)
    is_plain = f.facts.is_plain
    entries = f.entries
    # What is pushed where there are vectors needs to be noted, so there seems to be no room.
    room: i64 = 0 if f.has_vectors else len(entries)
    at, height = f.at, f.height
    # FAST: each arm does one frequent instruction without a call but that which writes the stencil, on local variables,
    # and falls through to `single` when something has to be moved, read, or noted first.
    # "No register has to be freed" is k - 4 < low, see Operands.claim.
    while True:
        opcode: i64 = code[at]
        kind = kinds[opcode]
        if kind == LOCAL_GET:
            index: i64 = code[at + 1]
            if index < fast_locals and height < room:
                entries[height] = locals[index]
                height += 1
                at += 2
                continue
        elif kind == CONST:
            if height < room:
                byte: i64 = code[at + 1]
                if byte < _LONG:
                    entries[height] = (byte - ((byte & 0x40) << 1)) << 5 | results_of[opcode] << 2 | CONSTANT
                    height += 1
                    at += 2
                    continue
                after: i64 = code[at + 2]
                if after < _LONG:
                    byte += (after - 1 << 7) - ((after & 0x40) << 8)
                    entries[height] = byte << 5 | results_of[opcode] << 2 | CONSTANT
                    height += 1
                    at += 3
                    continue
        elif kind > DROP:
            pass
        elif kind == TWO:
            k = height - 2
            x = entries[k]
            y = entries[k + 1]
            stencil = stencils[bases[opcode] + binary[(x & 3) << 2 | y & 3] + (k & 3)]
            if stencil is not None and k - 4 < f.low:
                f.write(stencil, x >> 5, y >> 5, 0)
                entries[k] = results_of[opcode] << 2
                height = k + 1
                if f.low > k:
                    f.low = k
                at += 1
                continue
        elif kind == LOAD:
            offset: i64 = code[at + 2]
            after = at + 3
            if offset >= _LONG:
                offset += code[at + 3] - 1 << 7
                after = at + 4
            k = height - 1
            x = entries[k]
            if is_plain and code[at + 1] < _HAS_MEMORY and offset < _LONG << 7 and x & 3 != CONSTANT and k - 4 < f.low:
                stencil = stencils[bases[opcode] + unary[x & 3] + (k & 3)]
                if stencil is not None:
                    f.write(stencil, x >> 5, 0, offset)
                    entries[k] = results_of[opcode] << 2
                    if f.low > k:
                        f.low = k
                    at = after
                    continue
        elif kind == LOCAL_SET or kind == LOCAL_TEE:  # noqa: SIM109 plain Python would make a tuple each time
            index = code[at + 1]
            k = height - 1
            if index < fast_locals and entries[k] & 3 == REGISTER:
                local = locals[index]
                if f.low < k:
                    f.height = k  # what is set does not count among those that need the former value
                    f.flush_local(local)
                stencil = stencils[puts[local & 0x1C | k & 3]]  # by class << 2
                if stencil is not None:
                    f.write(stencil, local >> 5, 0, 0)
                    if kind == LOCAL_SET:
                        height = k
                        if f.low > k:
                            f.low = k
                    at += 2
                    continue
        elif kind == COMPARE:
            if code[at + 1] == BR_IF_CODE:
                f.at = at + 1
                f.height = height
                branches.br_if_two(f, opcode, False)
                at = f.at
                height = f.height
                continue
        elif kind == STORE:
            offset = code[at + 2]
            after = at + 3
            if offset >= _LONG:
                offset += code[at + 3] - 1 << 7
                after = at + 4
            k = height - 2
            x = entries[k]
            y = entries[k + 1]
            if is_plain and code[at + 1] < _HAS_MEMORY and offset < _LONG << 7 and x & 3 != CONSTANT:
                stencil = stencils[bases[opcode] + binary[(x & 3) << 2 | y & 3] + (k & 3)]
                if stencil is not None:
                    f.write(stencil, x >> 5, y >> 5, offset)
                    height = k
                    if f.low > k:
                        f.low = k
                    at = after
                    continue
        elif kind == ONE:
            k = height - 1
            x = entries[k]
            if x & 3 != CONSTANT and k - 4 < f.low:
                stencil = stencils[bases[opcode] + unary[x & 3] + (k & 3)]
                if stencil is not None:
                    f.write(stencil, x >> 5, 0, 0)
                    entries[k] = results_of[opcode] << 2
                    if f.low > k:
                        f.low = k
                    at += 1
                    continue
        elif kind == DROP:
            height -= 1
            if f.low > height:
                f.low = height
            at += 1
            continue
        f.at = at
        f.height = height
        single(f, opcode, kind)
        if not f.is_reachable or not f.frames:
            return
        at = f.at
        height = f.height
        entries = f.entries
        room = 0 if f.has_vectors else len(entries)


def single(f: FunctionCompiler, opcode: i64, kind: i64) -> None:
    """Compile the instruction at hand, whatever it is; with a comparison, the branch behind it."""
    rows = f.rows
    code = f.code
    if kind == END:
        f.at += 1
        blocks.end(f)
    elif kind == BLOCK:
        f.at += 1
        blocks.block(f)
    elif kind == LOCAL_GET:
        index = local_index(f)
        f.push(f.local_entries[index])
    elif kind == CONST:
        f.at += 1
        f.push_constant(rows.results[opcode], f.read_signed())
    elif kind == CALL:
        f.at += 1
        calls.call(f)
    elif kind == TWO:
        f.at += 1
        f.two(rows.bases[opcode], rows.results[opcode])
    elif kind == LOCAL_SET:
        index = local_index(f)
        f.set_local(index)
        f.drop(1)
    elif kind == LOCAL_TEE:
        index = local_index(f)
        f.tee_local(index)
    elif kind == BR:
        f.at += 1
        branches.br(f)
    elif kind == LOAD:
        step.load(f, opcode)
    elif kind == STORE:
        step.store(f, opcode)
    elif kind == COMPARE:
        f.at += 1
        after = code[f.at]
        if after == BR_IF_CODE:
            branches.br_if_two(f, opcode, False)
        elif after == IF_CODE:
            blocks.if_two(f, opcode, False)
        elif after == EQZ_CODE and code[f.at + 1] == BR_IF_CODE:
            f.at += 1
            branches.br_if_two(f, opcode, True)
        else:
            f.two(rows.bases[opcode], CLASS_I32)
    elif kind == BR_IF:
        f.at += 1
        branches.br_if(f)
    elif kind == TEST:
        f.at += 1
        after = code[f.at]
        if after == BR_IF_CODE:
            branches.br_if_test(f, opcode)
        elif after == IF_CODE:
            blocks.if_test(f, opcode)
        else:
            f.one(rows.bases[opcode], CLASS_I32)
    elif kind == ONE:
        f.at += 1
        f.one(rows.bases[opcode], rows.results[opcode])
    else:
        step.step(f)


def local_index(f: FunctionCompiler) -> i64:
    """The local that the instruction at hand names; reads both."""
    f.at += 1
    return f.read_unsigned()
