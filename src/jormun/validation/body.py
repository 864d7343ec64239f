"""Validation of function bodies: one pass over their bytes, decoding and typing at once (section 7.3).

`step` does any instruction; the main loop does the most frequent ones itself when all is as it should be, and leaves
everything else, errors included, to `step`. To be compiled by mypyc.
"""

from __future__ import annotations

from typing import Final

from jormun.errors import InvalidError, MalformedError
from jormun.limits import NESTING
from jormun.opcodes.immediates import Immediate
from jormun.opcodes.signatures import Rule
from jormun.opcodes.table import BY_CODE
from jormun.syntax.module import Function
from jormun.syntax.type_code import EMPTY_BLOCK
from jormun.validation.code_reader import PADDING
from jormun.validation.context import Context
from jormun.validation.control_stack import BLOCK, IF, LOOP, NO_TYPES, Body, ControlFrame
from jormun.validation.instructions import ADDRESS, ENTRIES, apply, read_entry
from jormun.validation.location import located
from jormun.validation.operand import FLOOR, I32

_STEP: Final = 0
_LOCAL_GET: Final = 1
_CONST: Final = 2
_LOCAL_SET: Final = 3
_LOCAL_TEE: Final = 4
_BINARY: Final = 5
_LOAD: Final = 6
_STORE: Final = 7
_BR_IF: Final = 8
_CALL: Final = 9
_END: Final = 10
_BLOCK: Final = 11
_LOOP: Final = 12
_IF: Final = 13
_UNARY: Final = 14
_FIXED_CONST: Final = 15

_KINDS: Final[list[int]] = [_STEP] * 256
"""How the main loop treats an opcode."""
_LEFT: Final[list[int]] = [0] * 256
_RIGHT: Final[list[int]] = [0] * 256
_RESULT: Final[list[int]] = [0] * 256
"""The operands and the result of an opcode of kind _BINARY; of other kinds, those there are (_RIGHT is on top)."""
_NATURAL: Final[list[int]] = [0] * 256
"""The natural alignment of a load or store."""
_SIZE: Final[list[int]] = [0] * 256
"""The size of an instruction that is _FIXED_CONST."""

_RULE_KINDS: Final[dict[Rule, int]] = {
    Rule.LOCAL_GET: _LOCAL_GET,
    Rule.LOCAL_SET: _LOCAL_SET,
    Rule.LOCAL_TEE: _LOCAL_TEE,
    Rule.BR_IF: _BR_IF,
    Rule.CALL: _CALL,
    Rule.END: _END,
    Rule.BLOCK: _BLOCK,
    Rule.LOOP: _LOOP,
    Rule.IF: _IF,
}


def _classify(code: int) -> None:
    """Set the kind of a one-byte opcode by its row."""
    row = BY_CODE[code]
    entry = ENTRIES[code]
    if isinstance(row.signature, Rule):
        _KINDS[code] = _RULE_KINDS.get(row.signature, _STEP)
        return
    params, results = entry.params, entry.results
    if len(results) == 1:
        _RESULT[code] = results[0]
    if not row.immediates:
        if len(params) == 2 and len(results) == 1:
            _KINDS[code] = _BINARY
            _LEFT[code], _RIGHT[code] = params
        elif len(params) == 1 and len(results) == 1:
            _KINDS[code] = _UNARY
            _RIGHT[code] = params[0]
    elif row.immediates == (Immediate.MEMARG,):
        _NATURAL[code] = entry.natural
        if params == [ADDRESS] and len(results) == 1:
            _KINDS[code] = _LOAD
        elif len(params) == 2 and params[0] == ADDRESS and not results:
            _KINDS[code] = _STORE
            _RIGHT[code] = params[1]
    elif row.immediates in ((Immediate.I32,), (Immediate.I64,)):
        _KINDS[code] = _CONST
    elif row.immediates in ((Immediate.F32,), (Immediate.F64,)):
        _KINDS[code] = _FIXED_CONST
        _SIZE[code] = 5 if row.immediates == (Immediate.F32,) else 9


for _code in range(256):
    if _code in BY_CODE:
        _classify(_code)


def validate_function(context: Context, index: int, function: Function) -> None:
    """Check the body of function `index`. Raises InvalidError, or MalformedError when its bytes do not decode."""
    functype = context.functions[index]
    code = function.body.code
    body = Body(context, code + PADDING, len(code), functype.results, False)
    try:
        body.set_locals(functype.params, [(count, context.code(t)) for count, t in function.locals])
        _run(body)
        if body.pc < body.length:
            raise MalformedError("END opcode expected", offset=body.pc)
    except (InvalidError, MalformedError) as error:
        raise located(error, body, function.source, index) from None


def _run(body: Body) -> None:
    """Validate instructions until the `end` of the body."""
    code = body.code
    operands = body.operands
    frames = body.frames
    locals_set = body.locals_set
    local_types = body.locals
    # An index below this is one byte, and of a local that is there.
    fast_locals = min(len(local_types), 0x80)
    address = body.context.first_address
    functions = body.context.functions
    function_count = len(functions)
    kinds, lefts, rights, results_of, naturals, sizes = _KINDS, _LEFT, _RIGHT, _RESULT, _NATURAL, _SIZE
    pc = 0
    # FAST: each arm does one frequent instruction when operands are as expected, and falls through to `step` when not;
    # 3.3 times the speed of `step` alone (QuickJS: 6 MB/s in plain Python).
    while True:
        op = code[pc]
        kind = kinds[op]
        if kind == _LOCAL_GET:
            index = code[pc + 1]
            if index < fast_locals:
                t = local_types[index]
                if t > 0:
                    operands.append(t)
                    pc += 2
                    continue
        elif kind == _CONST:
            if code[pc + 1] < 0x80:
                operands.append(results_of[op])
                pc += 2
                continue
            if code[pc + 2] < 0x80:
                operands.append(results_of[op])
                pc += 3
                continue
            if code[pc + 3] < 0x80:
                operands.append(results_of[op])
                pc += 4
                continue
            if code[pc + 4] < 0x80:
                operands.append(results_of[op])
                pc += 5
                continue
        elif kind == _BINARY:
            if operands[-1] == rights[op] and operands[-2] == lefts[op]:
                operands.pop()
                operands[-1] = results_of[op]
                pc += 1
                continue
        elif kind == _LOCAL_SET:
            index = code[pc + 1]
            if index < fast_locals and operands[-1] == local_types[index]:
                operands.pop()
                pc += 2
                continue
        elif kind == _LOCAL_TEE:
            index = code[pc + 1]
            if index < fast_locals and operands[-1] == local_types[index]:
                pc += 2
                continue
        elif kind == _LOAD:
            if operands[-1] == address and code[pc + 1] <= naturals[op]:
                # Four bytes hold 28 bits, which any memory takes as an offset.
                if code[pc + 2] < 0x80:
                    operands[-1] = results_of[op]
                    pc += 3
                    continue
                if code[pc + 3] < 0x80:
                    operands[-1] = results_of[op]
                    pc += 4
                    continue
                if code[pc + 4] < 0x80:
                    operands[-1] = results_of[op]
                    pc += 5
                    continue
        elif kind == _STORE:
            if operands[-1] == rights[op] and operands[-2] == address and code[pc + 1] <= naturals[op]:
                if code[pc + 2] < 0x80:
                    del operands[-2:]
                    pc += 3
                    continue
                if code[pc + 3] < 0x80:
                    del operands[-2:]
                    pc += 4
                    continue
                if code[pc + 4] < 0x80:
                    del operands[-2:]
                    pc += 5
                    continue
        elif kind == _BR_IF:
            depth = code[pc + 1]
            if depth < 0x80 and depth < len(frames) and operands[-1] == I32 and not frames[-1 - depth].label:
                operands.pop()
                pc += 2
                continue
        elif kind == _END:
            frame = frames[-1]
            if len(frames) > 1 and frame.set_before == len(locals_set):
                results = frame.results
                if not results:
                    if operands[-1] <= FLOOR and not frame.params:
                        operands.pop()
                        frames.pop()
                        pc += 1
                        continue
                elif len(results) == 1 and frame.kind != IF:
                    t = results[0]
                    if operands[-1] == t and operands[-2] <= FLOOR:
                        operands.pop()
                        operands[-1] = t
                        frames.pop()
                        pc += 1
                        continue
        elif kind == _CALL:
            index = code[pc + 1]
            after = pc + 2
            if index >= 0x80:
                index = index & 0x7F | code[after] << 7
                after += 1
            # A third byte makes the index too large here, as bit 14 is set.
            if index < function_count and index < 0x4000:
                callee = functions[index]
                params = callee.params
                results = callee.results
                count = len(params)
                if len(results) < 2 and (count == 0 or operands[-count:] == params):
                    if count:
                        del operands[-count:]
                    if results:
                        operands.append(results[0])
                    pc = after
                    continue
        elif kind == _BLOCK:
            if code[pc + 1] == EMPTY_BLOCK and len(frames) <= NESTING:
                frames.append(ControlFrame(BLOCK, NO_TYPES, NO_TYPES, len(operands), len(locals_set)))
                operands.append(FLOOR)
                pc += 2
                continue
        elif kind == _IF:
            if code[pc + 1] == EMPTY_BLOCK and operands[-1] == I32 and len(frames) <= NESTING:
                frames.append(ControlFrame(IF, NO_TYPES, NO_TYPES, len(operands) - 1, len(locals_set)))
                operands[-1] = FLOOR
                pc += 2
                continue
        elif kind == _LOOP:
            if code[pc + 1] == EMPTY_BLOCK and len(frames) <= NESTING:
                frames.append(ControlFrame(LOOP, NO_TYPES, NO_TYPES, len(operands), len(locals_set)))
                operands.append(FLOOR)
                pc += 2
                continue
        elif kind == _UNARY:
            if operands[-1] == rights[op]:
                operands[-1] = results_of[op]
                pc += 1
                continue
        elif kind == _FIXED_CONST:
            operands.append(results_of[op])
            pc += sizes[op]
            continue
        body.pc = pc
        _step(body)
        pc = body.pc
        if not frames:
            return


def _step(body: Body) -> None:
    """Validate the instruction at `body.pc`, whatever it is."""
    body.start = body.pc
    apply(body, read_entry(body))
