"""The state of an instance: globals, memories, tables, segments, references (core specification, 4.4.2 to 4.4.6).

Whole memories and tables are changed by services of the run time. To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.baseline import fuel
from jormun.baseline.catalogue import CLASS_I32, CLASS_I64
from jormun.baseline.operands import CONSTANT
from jormun.errors import TrapKind
from jormun.hints import TYPE_CHECKING, i64
from jormun.opcodes.table import BY_NAME
from jormun.runtime import layout

if TYPE_CHECKING:
    from jormun.baseline.compile import FunctionCompiler

_I64_EQ = BY_NAME["i64.eq"][0].code
_I64_EQZ = BY_NAME["i64.eqz"][0].code


# Globals.


def global_get(f: FunctionCompiler) -> None:
    """`global.get x`."""
    index = f.read_unsigned()
    offset, is_indirect = f.facts.global_places[index]
    c = f.facts.global_classes[index]
    k = f.height
    f.claim(k)
    f.stamp((f.pieces.vm_get_indirect if is_indirect else f.pieces.vm_get)[c * 4 + (k & 3)], offset, 0, 0)
    f.push_register(c)


def global_set(f: FunctionCompiler) -> None:
    """`global.set x`."""
    index = f.read_unsigned()
    offset, is_indirect = f.facts.global_places[index]
    c = f.facts.global_classes[index]
    k = f.height - 1
    f.fetch(k)
    f.stamp((f.pieces.vm_put_indirect if is_indirect else f.pieces.vm_put)[c * 4 + (k & 3)], offset, 0, 0)
    f.drop(1)


# References.


def ref_null(f: FunctionCompiler) -> None:
    """`ref.null ht`."""
    f.read_signed()  # a heap type is one, whichever it is
    f.push_constant(CLASS_I64, 0)


def ref_is_null(f: FunctionCompiler) -> None:
    """`ref.is_null`."""
    f.one(f.rows.ops[_I64_EQZ].base, CLASS_I32)


def ref_eq(f: FunctionCompiler) -> None:
    """`ref.eq`."""
    f.two(f.rows.ops[_I64_EQ].base, CLASS_I32)


def ref_as_non_null(f: FunctionCompiler) -> None:
    """`ref.as_non_null`."""
    k = f.height - 1
    f.fetch(k)
    f.stamp(f.pieces.numbers[f"non_null.{TrapKind.NULL_REFERENCE.value}.{k & 3}"], 0, 0, 0)


def ref_func(f: FunctionCompiler) -> None:
    """`ref.func x`: the address of its record."""
    func_index = f.read_unsigned()
    k = f.height
    f.claim(k)
    if func_index < f.facts.imported_function_count:
        offset = f.facts.layout.imported_function_offset(func_index)
        f.stamp(f.pieces.vm_get[CLASS_I64 * 4 + (k & 3)], offset, 0, 0)
    else:
        offset = f.facts.layout.own_function_record_offset(func_index)
        f.stamp(f.pieces.numbers[f"ref.own.{k & 3}"], offset, 0, 0)
    f.push_register(CLASS_I64)


# Services: operands are passed from their slots, behind `vm` or a field of it.


def serve(f: FunctionCompiler, name: str, passed: list[tuple[str, i64]], popped: i64) -> None:
    """Call a service with arguments, given by piece and what fills it, for the registers from the second on."""
    pass_arguments(f, passed)
    f.stamp(f.pieces.numbers["call.service"], layout.service_offset(name), 0, 0)
    f.drop(popped)


def serve_record(f: FunctionCompiler, name: str, record: i64, fields: list[i64], scale_log2: i64 = 0) -> None:
    """Call a service that works on the memory or table whose record is in field `record` of `vm`: it takes that, then
    the `fields` of `vm`, then three operands, of which the last is how many units of 2**scale_log2 bytes it changes.
    """
    f.spill()
    k = f.height - 3
    fuel.charge_size(f, k + 2, scale_log2)
    passed: list[tuple[str, i64]] = [("pass.vm", field) for field in fields]
    passed += [argument(f, k), argument(f, k + 1), argument(f, k + 2)]
    pass_arguments(f, passed)
    f.stamp(f.pieces.numbers["call.service.field"], layout.service_offset(name), record, 0)
    f.drop(3)


def pass_arguments(f: FunctionCompiler, passed: list[tuple[str, i64]]) -> None:
    """Fill the registers from the second on. The first is for what a service works on."""
    for k, (piece, value) in enumerate(passed):
        f.stamp(f.pieces.numbers[f"{piece}.{k + 1}"], value, 0, 0)


def argument(f: FunctionCompiler, k: i64) -> tuple[str, i64]:
    """How an operand is passed. An i32 is extended with zeros. All registers must have been emptied."""
    entry = f.entries[k]
    is_wide = (entry >> 2) & 7 == CLASS_I64
    if entry & 3 == CONSTANT:
        return ("pass.const.i64" if is_wide else "pass.const.i32"), entry >> 5
    return ("pass.i64" if is_wide else "pass.i32"), entry >> 5


def take(f: FunctionCompiler, c: i64) -> None:
    """Push what a service returned."""
    f.stamp(f.pieces.result[c * 4 + (f.height & 3)], 0, 0, 0)
    f.push_register(c)


# Memories.


def memory_size(f: FunctionCompiler) -> None:
    """`memory.size x`."""
    memory = f.read_unsigned()
    type = f.facts.memory(memory)
    k = f.height
    f.claim(k)
    record = f.facts.layout.memory_record_offset(memory)
    f.stamp(f.pieces.numbers[f"memory.size.{type.page_size_log2}.{k & 3}"], record, 0, 0)
    f.push_register(f.facts.address_class(memory))


def memory_grow(f: FunctionCompiler) -> None:
    """`memory.grow x`."""
    memory = f.read_unsigned()
    f.spill()
    serve(f, "jormun_memory_grow", [("pass.const.i32", memory), argument(f, f.height - 1)], 1)
    take(f, f.facts.address_class(memory))


def memory_fill(f: FunctionCompiler) -> None:
    """`memory.fill x`."""
    serve_record(f, "jormun_memory_fill", f.facts.layout.memory_record_offset(f.read_unsigned()), [])


def memory_copy(f: FunctionCompiler) -> None:
    """`memory.copy x y`."""
    target = f.read_unsigned()
    source = f.read_unsigned()
    offsets = f.facts.layout
    serve_record(f, "jormun_memory_copy", offsets.memory_record_offset(target), [offsets.memory_record_offset(source)])


def memory_init(f: FunctionCompiler) -> None:
    """`memory.init x y`."""
    data = f.read_unsigned()
    memory = f.read_unsigned()
    offsets = f.facts.layout
    segment = offsets.data_offset(data)
    fields = [segment + layout.SEGMENT_START, segment + layout.SEGMENT_SIZE]
    serve_record(f, "jormun_memory_init", offsets.memory_record_offset(memory), fields)


def data_drop(f: FunctionCompiler) -> None:
    """`data.drop x`."""
    data = f.read_unsigned()
    f.stamp(f.pieces.numbers["vm.zero"], f.facts.layout.data_offset(data) + layout.SEGMENT_SIZE, 0, 0)


# Atomic accesses that wait.


def effective_address(f: FunctionCompiler, k: i64, size_bytes: i64) -> i64:
    """Have operand k, an address, in its register as an offset into the memory that the memarg names, checked; returns
    that memory.
    """
    flags = f.read_unsigned()
    memory: i64 = f.read_unsigned() if flags & 0x40 else 0
    offset = f.read_unsigned()
    numbers = f.pieces.numbers
    f.fetch(k)
    f.stamp(numbers[f"aligned.{size_bytes}.{k & 3}"], offset & 7, 0, 0)
    reach = offset + size_bytes
    if offset < 0 and reach >= 0:
        reach = -1
    f.stamp(numbers[f"bounds.{k & 3}"], f.facts.layout.memory_record_offset(memory), reach, 0)
    f.stamp(numbers[f"add.{k & 3}"], offset, 0, 0)
    f.entries[k] = CLASS_I64 << 2
    return memory


def atomic_notify(f: FunctionCompiler) -> None:
    """`memory.atomic.notify m`."""
    k = f.height - 2
    memory = effective_address(f, k, 4)
    f.spill()
    passed: list[tuple[str, i64]] = [("pass.const.i32", memory), argument(f, k), argument(f, k + 1)]
    serve(f, "jormun_memory_notify", passed, 2)
    take(f, CLASS_I32)


def atomic_wait32(f: FunctionCompiler) -> None:
    """`memory.atomic.wait32 m`."""
    atomic_wait(f, 4, "jormun_memory_wait32")


def atomic_wait64(f: FunctionCompiler) -> None:
    """`memory.atomic.wait64 m`."""
    atomic_wait(f, 8, "jormun_memory_wait64")


def atomic_wait(f: FunctionCompiler, size_bytes: i64, service: str) -> None:
    """Wait to be notified. A memory that is not shared traps, after the checks of its address."""
    k = f.height - 3
    memory = effective_address(f, k, size_bytes)
    f.spill()
    if not f.facts.memory(memory).is_shared:
        f.stamp(f.pieces.numbers["trap"], TrapKind.EXPECTED_SHARED_MEMORY.value, 0, 0)
        f.drop(3)
        f.push_constant(CLASS_I32, 0)
        return
    passed: list[tuple[str, i64]] = [("pass.const.i32", memory)]
    passed += [argument(f, k), argument(f, k + 1), argument(f, k + 2)]
    serve(f, service, passed, 3)
    take(f, CLASS_I32)


# Tables.


def table_get(f: FunctionCompiler) -> None:
    """`table.get x`."""
    table = f.read_unsigned()
    k = f.height - 1
    f.fetch(k)
    f.stamp(f.pieces.numbers[f"table.get.{k & 3}"], f.facts.layout.table_record_offset(table), 0, 0)
    f.drop(1)
    f.push_register(CLASS_I64)


def table_set(f: FunctionCompiler) -> None:
    """`table.set x`."""
    table = f.read_unsigned()
    k = f.height - 2
    f.fetch(k)
    f.fetch(k + 1)
    f.stamp(f.pieces.numbers[f"table.set.{k & 3}"], f.facts.layout.table_record_offset(table), 0, 0)
    f.drop(2)


def table_size(f: FunctionCompiler) -> None:
    """`table.size x`."""
    table = f.read_unsigned()
    k = f.height
    f.claim(k)
    f.stamp(f.pieces.numbers[f"table.size.{k & 3}"], f.facts.layout.table_record_offset(table), 0, 0)
    f.push_register(f.facts.table_address_class(table))


def table_grow(f: FunctionCompiler) -> None:
    """`table.grow x`."""
    table = f.read_unsigned()
    f.spill()
    k = f.height - 2
    passed: list[tuple[str, i64]] = [("pass.const.i32", table), argument(f, k), argument(f, k + 1)]
    serve(f, "jormun_table_grow", passed, 2)
    take(f, f.facts.table_address_class(table))


def table_fill(f: FunctionCompiler) -> None:
    """`table.fill x`."""
    serve_record(f, "jormun_table_fill", f.facts.layout.table_record_offset(f.read_unsigned()), [], 3)


def table_copy(f: FunctionCompiler) -> None:
    """`table.copy x y`."""
    target = f.read_unsigned()
    source = f.read_unsigned()
    offsets = f.facts.layout
    serve_record(f, "jormun_table_copy", offsets.table_record_offset(target), [offsets.table_record_offset(source)], 3)


def table_init(f: FunctionCompiler) -> None:
    """`table.init x y`."""
    elem = f.read_unsigned()
    table = f.read_unsigned()
    offsets = f.facts.layout
    segment = offsets.elem_offset(elem)
    fields = [segment + layout.SEGMENT_START, segment + layout.SEGMENT_SIZE]
    serve_record(f, "jormun_table_init", offsets.table_record_offset(table), fields, 3)


def elem_drop(f: FunctionCompiler) -> None:
    """`elem.drop x`."""
    elem = f.read_unsigned()
    f.stamp(f.pieces.numbers["vm.zero"], f.facts.layout.elem_offset(elem) + layout.SEGMENT_SIZE, 0, 0)
