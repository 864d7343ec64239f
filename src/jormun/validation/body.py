"""Validation of function bodies: one pass over their bytes, decoding and typing at once (section 7.3).

`step` does any instruction; the main loop does the most frequent ones itself when all is as it should be, and leaves
everything else, errors included, to `step`. To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.errors import InvalidError, MalformedError
from jormun.hints import Final, i64
from jormun.limits import NESTING
from jormun.opcodes.immediates import Immediate
from jormun.opcodes.signatures import Rule
from jormun.opcodes.table import BY_CODE
from jormun.syntax.function import Function
from jormun.syntax.type_bytes import EMPTY_BLOCK
from jormun.validation.code_reader import PADDING, index_end, long_index
from jormun.validation.context import Context
from jormun.validation.control_stack import BLOCK, IF, LOOP, NO_TYPES, Body, ControlFrame
from jormun.validation.instructions import ENTRIES, apply, read_entry
from jormun.validation.location import located
from jormun.validation.operand import FLOOR, I32, POLY
from jormun.validation.stack import is_on_top

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
_GLOBAL_GET: Final = 16
_GLOBAL_SET: Final = 17
_BR: Final = 18
_DROP: Final = 19

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
    Rule.GLOBAL_GET: _GLOBAL_GET,
    Rule.GLOBAL_SET: _GLOBAL_SET,
    Rule.BR: _BR,
    Rule.DROP: _DROP,
}


class _Kind:
    """How the main loop treats an opcode, and what it needs to know of it: its operands (`right` is on top) and its
    result, and a number: the natural alignment of a load or store; the size of an instruction whose constant has a
    fixed one; the greatest size at which any LEB128 number is in range of others.
    """

    __slots__ = ("kind", "left", "number", "result", "right")

    def __init__(self, code: int) -> None:
        self.kind, self.left, self.right, self.result, self.number = _STEP, 0, 0, 0, 0
        row = BY_CODE.get(code)
        if row is None:
            return
        if isinstance(row.signature, Rule):
            self.kind = _RULE_KINDS.get(row.signature, _STEP)
            return
        entry = ENTRIES[code]
        params, results = entry.params, entry.results
        shape = len(params), len(results)
        if len(results) == 1:
            self.result = results[0]
        if params:
            self.left, self.right = max(params[0], 0), max(params[-1], 0)  # an address type is no byte, nor wanted
        if not row.immediates and shape in ((1, 1), (2, 1)):
            self.kind = _UNARY if shape == (1, 1) else _BINARY
        elif row.immediates == (Immediate.MEMARG,) and shape in ((1, 1), (2, 0)):
            self.kind = _LOAD if shape == (1, 1) else _STORE
            self.number = entry.natural
        elif row.immediates in _NUMBER_SIZES:
            self.kind, self.number = _CONST, _NUMBER_SIZES[row.immediates]
        elif row.immediates in _FLOAT_SIZES:
            self.kind, self.number = _FIXED_CONST, _FLOAT_SIZES[row.immediates]


_NUMBER_SIZES: Final = {(Immediate.I32,): 5, (Immediate.I64,): 10}
"""Constants up to this size, the opcode counted, are in range whatever their bits: 4 times 7 are less than 32."""
_FLOAT_SIZES: Final = {(Immediate.F32,): 5, (Immediate.F64,): 9}

_ALL: Final = [_Kind(code) for code in range(256)]
_KINDS: Final = bytes([each.kind for each in _ALL])
_LEFT: Final = bytes([each.left for each in _ALL])
_RIGHT: Final = bytes([each.right for each in _ALL])
_RESULT: Final = bytes([each.result for each in _ALL])
_NUMBER: Final = bytes([each.number for each in _ALL])
"""By opcode. Bytes, which compiled code reads without making objects."""


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
    height = body.height
    frames = body.frames
    locals_set = body.locals_set
    local_types = body.locals
    # An index below this is of one byte, and of a local that is there.
    fast_locals: i64 = min(len(local_types), 0x80)
    context = body.context
    address = context.first_address
    globals, are_mutable = context.globals, context.are_globals_mutable
    global_count: i64 = len(globals)
    functions = context.functions
    function_count: i64 = len(functions)
    kinds, lefts, rights, results_of, numbers = _KINDS, _LEFT, _RIGHT, _RESULT, _NUMBER
    deepest: i64 = NESTING
    pc: i64 = 0
    # FAST: each arm does one frequent instruction when operands are as expected, and falls through to `step` when not;
    # 3.3 times the speed of `step` alone (QuickJS: 6 MB/s in plain Python, 80 MB/s compiled).
    while True:
        op: i64 = code[pc]
        kind: i64 = kinds[op]
        if kind == _LOCAL_GET:
            index: i64 = code[pc + 1]
            if index < fast_locals:
                t = local_types[index]
                if t > 0:
                    operands[height] = t
                    height += 1
                    pc += 2
                    continue
        elif kind == _CONST:
            after = pc + 2
            while code[after - 1] >= 0x80:
                after += 1
            # Linkers pad addresses with a last byte that is 0.
            if after - pc <= numbers[op] or (after - pc == numbers[op] + 1 and code[after - 1] == 0):
                operands[height] = results_of[op]
                height += 1
                pc = after
                continue
        elif kind == _BINARY:
            if operands[height - 1] == rights[op] and operands[height - 2] == lefts[op]:
                height -= 1
                operands[height - 1] = results_of[op]
                pc += 1
                continue
        elif kind == _LOCAL_SET:
            index = code[pc + 1]
            if index < fast_locals and operands[height - 1] == local_types[index]:
                height -= 1
                pc += 2
                continue
        elif kind == _LOCAL_TEE:
            index = code[pc + 1]
            if index < fast_locals and operands[height - 1] == local_types[index]:
                pc += 2
                continue
        elif kind == _LOAD:
            if operands[height - 1] == address and code[pc + 1] <= numbers[op]:
                after = pc + 3
                while code[after - 1] >= 0x80:
                    after += 1
                if after <= pc + 6 or (after == pc + 7 and code[pc + 6] == 0):
                    operands[height - 1] = results_of[op]
                    pc = after
                    continue
        elif kind == _STORE:
            if operands[height - 1] == rights[op] and operands[height - 2] == address and code[pc + 1] <= numbers[op]:
                after = pc + 3
                while code[after - 1] >= 0x80:
                    after += 1
                if after <= pc + 6 or (after == pc + 7 and code[pc + 6] == 0):
                    height -= 2
                    pc = after
                    continue
        elif kind == _BR_IF:
            index = code[pc + 1]
            if (
                index < 0x80
                and index < len(frames)
                and operands[height - 1] == I32
                and not frames[len(frames) - 1 - index].label
            ):
                height -= 1
                pc += 2
                continue
        elif kind == _END:
            frame = frames[-1]
            if len(frames) > 1 and frame.set_before == len(locals_set):
                results = frame.results
                if not results:
                    if operands[height - 1] <= FLOOR and not frame.params:
                        height -= 1
                        frames.pop()
                        pc += 1
                        continue
                elif len(results) == 1 and frame.kind != IF:
                    t = results[0]
                    if operands[height - 1] == t and operands[height - 2] <= FLOOR:
                        height -= 1
                        operands[height - 1] = t
                        frames.pop()
                        pc += 1
                        continue
        elif kind == _CALL:
            index = code[pc + 1]
            after = pc + 2
            if index >= 0x80:
                index = long_index(code, pc + 1)
                after = index_end(code, pc + 1)
            if index < function_count:
                callee = functions[index]
                results = callee.results
                if len(results) < 2:
                    params = callee.params
                    if not params or is_on_top(operands, height, params):
                        height -= len(params)
                        if results:
                            operands[height] = results[0]
                            height += 1
                        pc = after
                        continue
        elif kind in (_BLOCK, _LOOP):
            if code[pc + 1] == EMPTY_BLOCK and len(frames) <= deepest:
                frames.append(
                    ControlFrame(BLOCK if kind == _BLOCK else LOOP, NO_TYPES, NO_TYPES, height, len(locals_set))
                )
                operands[height] = FLOOR
                height += 1
                pc += 2
                continue
        elif kind == _IF:
            if code[pc + 1] == EMPTY_BLOCK and operands[height - 1] == I32 and len(frames) <= deepest:
                frames.append(ControlFrame(IF, NO_TYPES, NO_TYPES, height - 1, len(locals_set)))
                operands[height - 1] = FLOOR
                pc += 2
                continue
        elif kind == _UNARY:
            if operands[height - 1] == rights[op]:
                operands[height - 1] = results_of[op]
                pc += 1
                continue
        elif kind == _GLOBAL_GET:
            index = code[pc + 1]
            after = pc + 2
            if index >= 0x80:
                index = long_index(code, pc + 1)
                after = index_end(code, pc + 1)
            if index < global_count:
                operands[height] = globals[index]
                height += 1
                pc = after
                continue
        elif kind == _GLOBAL_SET:
            index = code[pc + 1]
            after = pc + 2
            if index >= 0x80:
                index = long_index(code, pc + 1)
                after = index_end(code, pc + 1)
            if index < global_count and operands[height - 1] == globals[index] and are_mutable[index]:
                height -= 1
                pc = after
                continue
        elif kind == _DROP:
            if operands[height - 1] > FLOOR:
                height -= 1
                pc += 1
                continue
        elif kind == _FIXED_CONST:
            operands[height] = results_of[op]
            height += 1
            pc += numbers[op]
            continue
        elif kind == _BR:
            index = code[pc + 1]
            if index < 0x80 and index < len(frames) and not frames[len(frames) - 1 - index].label:
                height = frames[-1].floor
                operands[height] = POLY
                height += 1
                pc += 2
                continue
        body.pc = pc
        body.height = height
        _step(body)
        if not frames:
            return
        operands = body.operands
        height = body.height
        pc = body.pc


def _step(body: Body) -> None:
    """Validate the instruction at `body.pc`, whatever it is."""
    body.start = body.pc
    apply(body, read_entry(body))
