"""Instructions that are not control, one at a time: accesses to memory, constants, state, and rows that are stamped.

To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.baseline import blocks, branches, calls, exceptions, objects, parametric, state
from jormun.baseline.catalogue import CLASS_F32, CLASS_F64, CLASS_V128
from jormun.baseline.operands import CONSTANT, REGISTER
from jormun.baseline.rows import Op
from jormun.hints import TYPE_CHECKING, Callable, Final, i64
from jormun.opcodes.signatures import Rule
from jormun.opcodes.table import BY_CODE, BY_NAME

if TYPE_CHECKING:
    from jormun.baseline.compile import FunctionCompiler

Handler = Callable[["FunctionCompiler"], None]
_LARGEST_OFFSET: Final = 0x7FFF_FFFF
_HAS_MEMORY: Final = 0x40

_BY_RULE: dict[Rule, Handler] = {
    Rule.UNREACHABLE: branches.unreachable,
    Rule.BLOCK: blocks.block,
    Rule.LOOP: blocks.loop,
    Rule.IF: blocks.if_,
    Rule.ELSE: blocks.else_,
    Rule.BR: branches.br,
    Rule.BR_TABLE: branches.br_table,
    Rule.BR_ON_NULL: branches.br_on_null,
    Rule.BR_ON_NON_NULL: branches.br_on_non_null,
    Rule.RETURN: branches.return_,
    Rule.DROP: parametric.drop,
    Rule.SELECT: parametric.select,
    Rule.SELECT_TYPED: parametric.select_typed,
    Rule.TRY_TABLE: exceptions.try_table,
    Rule.THROW: exceptions.throw,
    Rule.THROW_REF: exceptions.throw_ref,
    Rule.CALL_INDIRECT: calls.call_indirect,
    Rule.CALL_REF: calls.call_ref,
    Rule.RETURN_CALL: calls.return_call,
    Rule.RETURN_CALL_INDIRECT: calls.return_call_indirect,
    Rule.RETURN_CALL_REF: calls.return_call_ref,
    Rule.GLOBAL_GET: state.global_get,
    Rule.GLOBAL_SET: state.global_set,
    Rule.TABLE_GET: state.table_get,
    Rule.TABLE_SET: state.table_set,
    Rule.TABLE_SIZE: state.table_size,
    Rule.TABLE_GROW: state.table_grow,
    Rule.TABLE_FILL: state.table_fill,
    Rule.TABLE_COPY: state.table_copy,
    Rule.TABLE_INIT: state.table_init,
    Rule.ELEM_DROP: state.elem_drop,
    Rule.MEMORY_SIZE: state.memory_size,
    Rule.MEMORY_GROW: state.memory_grow,
    Rule.MEMORY_FILL: state.memory_fill,
    Rule.MEMORY_COPY: state.memory_copy,
    Rule.MEMORY_INIT: state.memory_init,
    Rule.DATA_DROP: state.data_drop,
    Rule.REF_NULL: state.ref_null,
    Rule.REF_IS_NULL: state.ref_is_null,
    Rule.REF_AS_NON_NULL: state.ref_as_non_null,
    Rule.REF_FUNC: state.ref_func,
    Rule.REF_EQ: state.ref_eq,
    Rule.STRUCT_NEW: objects.struct_new,
    Rule.STRUCT_NEW_DEFAULT: objects.struct_new_default,
    Rule.STRUCT_GET: objects.struct_get_whole,
    Rule.STRUCT_SET: objects.struct_set,
    Rule.ARRAY_NEW: objects.array_new,
    Rule.ARRAY_NEW_DEFAULT: objects.array_new_default,
    Rule.ARRAY_NEW_FIXED: objects.array_new_fixed,
    Rule.ARRAY_NEW_DATA: objects.array_new_data,
    Rule.ARRAY_NEW_ELEM: objects.array_new_elem,
    Rule.ARRAY_GET: objects.array_get_whole,
    Rule.ARRAY_SET: objects.array_set,
    Rule.ARRAY_LEN: objects.array_len,
    Rule.ARRAY_FILL: objects.array_fill,
    Rule.ARRAY_COPY: objects.array_copy,
    Rule.ARRAY_INIT_DATA: objects.array_init_data,
    Rule.ARRAY_INIT_ELEM: objects.array_init_elem,
    Rule.BR_ON_CAST: objects.br_on_cast,
    Rule.BR_ON_CAST_FAIL: objects.br_on_cast_fail,
    Rule.REF_I31: objects.ref_i31,
    Rule.ANY_CONVERT_EXTERN: objects.convert,
    Rule.EXTERN_CONVERT_ANY: objects.convert,
}


def f32_const(f: FunctionCompiler) -> None:
    """`f32.const`."""
    f.push_float(CLASS_F32, f.read_bits(4))


def f64_const(f: FunctionCompiler) -> None:
    """`f64.const`."""
    f.push_float(CLASS_F64, f.read_bits(8))


def v128_const(f: FunctionCompiler) -> None:
    """`v128.const`."""
    f.pool_0 = f.constant(f.body[f.at : f.at + 16])
    f.at += 16
    f.claim(f.height)
    f.stamp(f.pieces.v128[f.height & 3], 0, 0, 0)
    f.push_register(CLASS_V128)


def shuffle(f: FunctionCompiler) -> None:
    """`i8x16.shuffle`: each operand's bytes by a mask of its own, in which others' places have the highest bit set."""
    lanes = f.body[f.at : f.at + 16]
    f.at += 16
    f.pool_0 = f.constant(bytes([lane if lane < 16 else 0x80 for lane in lanes]))
    f.pool_1 = f.constant(bytes([lane - 16 if lane >= 16 else 0x80 for lane in lanes]))
    k = f.height - 2
    f.fetch(k)
    f.fetch(k + 1)
    f.stamp(f.pieces.numbers[f"shuffle.{k & 3}"], 0, 0, 0)
    f.drop(1)


def nop(f: FunctionCompiler) -> None:
    """`nop`."""


HANDLERS: dict[int, Handler] = {
    code: _BY_RULE[row.signature]
    for code, row in BY_CODE.items()
    if isinstance(row.signature, Rule) and row.signature in _BY_RULE
}
"""What handles the rows that are not stamped, by code."""
for _name, _handler in (
    ("nop", nop),
    ("f32.const", f32_const),
    ("f64.const", f64_const),
    ("v128.const", v128_const),
    ("i8x16.shuffle", shuffle),
    ("memory.atomic.notify", state.atomic_notify),
    ("memory.atomic.wait32", state.atomic_wait32),
    ("memory.atomic.wait64", state.atomic_wait64),
    ("struct.get_s", objects.struct_get_s),
    ("struct.get_u", objects.struct_get_u),
    ("array.get_s", objects.array_get_s),
    ("array.get_u", objects.array_get_u),
    ("i31.get_s", objects.i31_get_s),
    ("i31.get_u", objects.i31_get_u),
):
    HANDLERS[BY_NAME[_name][0].code] = _handler
for _row, _handler in zip(
    BY_NAME["ref.test"] + BY_NAME["ref.cast"],
    (objects.ref_test, objects.ref_test_null, objects.ref_cast, objects.ref_cast_null),
    strict=True,
):
    HANDLERS[_row.code] = _handler
_PREFIXES: Final = frozenset(row.prefix for row in BY_CODE.values() if row.prefix is not None)


def step(f: FunctionCompiler) -> None:
    """The instruction at hand, whatever it is."""
    code: int = f.code[f.at]
    f.at += 1
    if code in _PREFIXES:
        code = code << 16 | f.read_unsigned()
    handler = HANDLERS.get(code)
    if handler is not None:
        handler(f)
        return
    stamped(f, f.rows.ops[code])


def stamped(f: FunctionCompiler, op: Op) -> None:
    """An instruction whose operands all come in registers."""
    offset: i64 = 0
    count = len(op.params)
    k = f.height - count
    if op.has_memarg:
        offset = access(f, k, op.access_bytes)
    number: i64 = op.base
    if op.has_lane:
        lane: i64 = f.code[f.at]
        f.at += 1
        number += 4 * lane
    elif op.has_ordering:
        f.at += 1
    for index in range(count):
        f.fetch(k + index)
    f.claim(k)
    f.stamp(number + (k & 3), 0, 0, offset)
    f.drop(count)
    for c in op.results:
        f.push_register(c)


# Accesses to memory.


def memarg(f: FunctionCompiler) -> tuple[i64, i64]:
    """Read a memory index and an offset."""
    flags = f.read_unsigned()
    memory: i64 = f.read_unsigned() if flags & _HAS_MEMORY else 0
    return memory, f.read_unsigned()


def load(f: FunctionCompiler, opcode: i64) -> None:
    """A load whose address may be in any place."""
    f.at += 1
    k = f.height - 1
    offset = access(f, k, f.rows.access_bytes[opcode])
    c: i64 = f.rows.results[opcode]
    x = f.entries[k]
    if x & 3 == CONSTANT:
        offset += x >> 5
    if x & 3 != REGISTER or c >= CLASS_F32:
        f.claim(k)
    f.stamp(f.rows.bases[opcode] + f.rows.unary[x & 3] + (k & 3), x >> 5, 0, offset)
    f.drop(1)
    f.push_register(c)


def store(f: FunctionCompiler, opcode: i64) -> None:
    """A store whose address and value may be in any place."""
    f.at += 1
    k = f.height - 2
    offset = access(f, k, f.rows.access_bytes[opcode])
    x = f.entries[k]
    y = f.entries[k + 1]
    if x & 3 == CONSTANT:
        offset += x >> 5
    number = f.rows.bases[opcode] + f.rows.binary[(x & 3) << 2 | y & 3] + (k & 3)
    f.stamp(number, x >> 5, y >> 5, offset)
    f.drop(2)


def access(f: FunctionCompiler, k: i64, size_bytes: i64) -> i64:
    """Read the memarg of an access whose address is operand k; returns what fills the hole of its offset.

    Accesses that are not safe by the guard of memory 0 are checked here, and their address becomes one relative to
    memory 0's base, in a register. A constant address is safe if it and the offset together fit the hole.
    """
    memory, offset = memarg(f)
    if memory == 0 and f.facts.is_plain and 0 <= offset <= _LARGEST_OFFSET:
        entry = f.entries[k]
        if entry & 3 != CONSTANT:
            return offset
        address = entry >> 5
        if address >= 0 and address + offset <= _LARGEST_OFFSET:
            return offset
        f.fetch(k)
        return offset
    f.fetch(k)
    record = f.facts.layout.memory_record_offset(memory)
    numbers = f.pieces.numbers
    reach = offset + size_bytes
    if offset < 0 and reach >= 0:
        # Beyond 2**64: no memory reaches that far. A reach that no size holds stands for it.
        reach = -1
    f.stamp(numbers[f"bounds.{k & 3}"], record, reach, 0)
    f.stamp(numbers[f"rebase.{k & 3}"], record, 0, 0)
    if 0 <= offset <= _LARGEST_OFFSET:
        return offset
    f.stamp(numbers[f"add.{k & 3}"], offset, 0, 0)
    return 0
