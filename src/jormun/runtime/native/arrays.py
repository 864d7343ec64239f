"""Whole stretches of arrays, and what type a reference has, in the glue (core specification, section 4.6.9).

Functions of the C convention, run on the guest's stack. Starts and sizes are unsigned. Each access is safe because the
whole stretch was compared with the array's length, which never changes, or with the segment's present size, and because
a trap does not return. A guest that is to be stopped meanwhile ends behind the change.
"""

from __future__ import annotations

from jormun.errors import TrapKind
from jormun.hints import Final
from jormun.runtime import layout
from jormun.runtime.heap_layout import (
    KIND_ANY,
    KIND_ARRAY,
    KIND_EQ,
    KIND_FUNCTION,
    KIND_I31,
    KIND_NONE,
    KIND_NULLABLE,
    KIND_SHAPE,
    KIND_STRUCT,
    OBJECT_BYTES,
    OBJECT_LENGTH,
    SHAPE_FIELDS,
    SHAPE_IS_ARRAY,
    SHAPE_SIZE,
    SHAPE_SUPERTYPES,
)
from jormun.runtime.native.bulk import HEED
from jormun.runtime.native.heap import ATTRIBUTES, field

_NULL: Final = TrapKind.NULL_ARRAY_REFERENCE
_BOUNDS: Final = TrapKind.ARRAY_OUT_OF_BOUNDS
_REFERENCE_LOG2: Final = 3


def text() -> str:
    """The LLVM text. It calls jormun_array, jormun_trap, jormun_heed, jormun_is_subtype, memmove and memset."""
    copy = [*_span("to"), *_span("from")]
    return "".join(
        [
            # void jormun_array_fill(vm, array, start, value, size): `value` is where the element is.
            _function("array_fill", "i64 %to.ref, i32 %to.start, ptr %value, i32 %size", _span("to"), _fill()),
            _function(
                "array_copy",
                "i64 %to.ref, i32 %to.start, i64 %from.ref, i32 %from.start, i32 %size",
                copy,
                [*_bytes("%to.unit"), "call ptr @memmove(ptr %to, ptr %from, i64 %bytes)"],
            ),
            _initialize("data", TrapKind.MEMORY_OUT_OF_BOUNDS),
            _initialize("elements", TrapKind.TABLE_OUT_OF_BOUNDS),
            _make("data", TrapKind.MEMORY_OUT_OF_BOUNDS),
            _make("elements", TrapKind.TABLE_OUT_OF_BOUNDS),
            _MATCHES,
        ]
    )


def _function(name: str, parameters: str, checks: list[str], body: list[str]) -> str:
    head = f"define void @jormun_{name}(ptr %vm, {parameters}) {ATTRIBUTES} {{"
    shapes = [field("shapes", "ptr", "%vm", layout.VM_SHAPES), "%size.64 = zext i32 %size to i64"]
    return "\n".join([head, *shapes, *checks, *body, *HEED, "ret void", "}\n"])


def _trap_if(condition: str, kind: TrapKind, label: str) -> list[str]:
    return [
        f"br i1 {condition}, label %{label}.trap, label %{label}.ok",
        f"{label}.trap:",
        f"call void @jormun_trap(i32 {kind.value})",
        "unreachable",
        f"{label}.ok:",
    ]


def _span(name: str) -> list[str]:
    """Lines that define `name` as the address of `%size` elements of an array from a start on, and `name.unit` as the
    power of two that their size is.
    """
    return [
        f"%{name}.is.null = icmp eq i64 %{name}.ref, 0",
        *_trap_if(f"%{name}.is.null", _NULL, f"{name}.null"),
        f"%{name}.object = inttoptr i64 %{name}.ref to ptr",
        field(f"{name}.length", "i32", f"%{name}.object", OBJECT_LENGTH),
        f"%{name}.length.64 = zext i32 %{name}.length to i64",
        f"%{name}.start.64 = zext i32 %{name}.start to i64",
        f"%{name}.end = add i64 %{name}.start.64, %size.64",
        f"%{name}.is.beyond = icmp ugt i64 %{name}.end, %{name}.length.64",
        *_trap_if(f"%{name}.is.beyond", _BOUNDS, f"{name}.beyond"),
        f"%{name}.shape = load i32, ptr %{name}.object",
        *_unit(name),
        f"%{name}.distance = shl i64 %{name}.start.64, %{name}.unit",
        f"%{name}.first = getelementptr i8, ptr %{name}.object, i64 {OBJECT_BYTES}",
        f"%{name} = getelementptr i8, ptr %{name}.first, i64 %{name}.distance",
    ]


def _unit(name: str) -> list[str]:
    return [
        f"%{name}.shape.64 = zext i32 %{name}.shape to i64",
        f"%{name}.record = getelementptr i8, ptr %shapes, i64 %{name}.shape.64",
        field(f"{name}.unit.32", "i32", f"%{name}.record", SHAPE_SIZE),
        f"%{name}.unit = zext i32 %{name}.unit.32 to i64",
    ]


def _bytes(unit: str) -> list[str]:
    return [f"%bytes = shl i64 %size.64, {unit}"]


def _fill() -> list[str]:
    lines = ["switch i64 %to.unit, label %filled ["]
    lines += [*(f"i64 {log2}, label %fill{log2}" for log2 in range(5)), "]"]
    for log2 in range(5):
        t = f"i{8 << log2}" if log2 < 4 else "<2 x i64>"
        lines += [
            f"fill{log2}:",
            f"%value{log2} = load {t}, ptr %value, align 8",
            f"br label %head{log2}",
            f"head{log2}:",
            f"%k{log2} = phi i64 [ 0, %fill{log2} ], [ %n{log2}, %loop{log2} ]",
            f"%is.done{log2} = icmp eq i64 %k{log2}, %size.64",
            f"br i1 %is.done{log2}, label %filled, label %loop{log2}",
            f"loop{log2}:",
            f"%place{log2} = getelementptr {t}, ptr %to, i64 %k{log2}",
            f"store {t} %value{log2}, ptr %place{log2}, align {min(1 << log2, 8)}",
            f"%n{log2} = add i64 %k{log2}, 1",
            f"br label %head{log2}",
        ]
    return [*lines, "filled:"]


def _segment(kind: TrapKind, unit: str) -> list[str]:
    """Lines that define `from` as the address of `%size` units from a start on, all within the segment whose record is
    at an offset in vm.
    """
    is_data = kind is TrapKind.MEMORY_OUT_OF_BOUNDS
    start_log2 = 0 if is_data else _REFERENCE_LOG2
    return [
        "%segment.64 = zext i32 %segment to i64",
        "%segment.at = getelementptr i8, ptr %vm, i64 %segment.64",
        field("segment.start", "ptr", "%segment.at", layout.SEGMENT_START),
        field("segment.size", "i64", "%segment.at", layout.SEGMENT_SIZE),
        "%from.start.64 = zext i32 %from.start to i64",
        f"%counted = shl i64 %size.64, {unit if is_data else 0}",
        "%from.end = add i64 %from.start.64, %counted",
        "%from.is.beyond = icmp ugt i64 %from.end, %segment.size",
        *_trap_if("%from.is.beyond", kind, "from.beyond"),
        f"%from.distance = shl i64 %from.start.64, {start_log2}",
        "%from = getelementptr i8, ptr %segment.start, i64 %from.distance",
    ]


def _initialize(what: str, kind: TrapKind) -> str:
    """Void jormun_array_init_data(vm, array, start, segment, from, size)."""
    return _function(
        f"array_init_{what}",
        "i64 %to.ref, i32 %to.start, i32 %segment, i32 %from.start, i32 %size",
        [*_span("to"), *_segment(kind, "%to.unit")],
        [*_bytes("%to.unit"), "call ptr @memmove(ptr %to, ptr %from, i64 %bytes)"],
    )


def _make(what: str, kind: TrapKind) -> str:
    """i64 jormun_array_data(vm, shape, segment, from, size): a new array.

    The segment is looked at first, so that who asks for more than it has gets a trap, and no large array.
    """
    lines = [
        f"define i64 @jormun_array_{what}(ptr %vm, i32 %to.shape, i32 %segment, i32 %from.start, i32 %size) "
        f"{ATTRIBUTES} {{",
        field("shapes", "ptr", "%vm", layout.VM_SHAPES),
        "%size.64 = zext i32 %size to i64",
        *_unit("to"),
        *_segment(kind, "%to.unit"),
        "%made = call i64 @jormun_array(ptr %vm, i32 %to.shape, i32 %size)",
        "%object = inttoptr i64 %made to ptr",
        f"%to = getelementptr i8, ptr %object, i64 {OBJECT_BYTES}",
        *_bytes("%to.unit"),
        "call ptr @memmove(ptr %to, ptr %from, i64 %bytes)",
        *HEED,
        "ret i64 %made",
        "}\n",
    ]
    return "\n".join(lines)


# i32 jormun_matches(vm, reference, kind, type, depth): whether a reference has a type, which is of its hierarchy: 1 or
# 0. `type` is the number of a shape, whose supertypes are `depth`, or the id of a function type.
#
# Safe because: what has none of the two low bits set and is not null is the address of an object, or in the hierarchy
# of functions, of a function record; a shape's supertypes end where its fields begin.
_MATCHES: Final = f"""
define i32 @jormun_matches(ptr %vm, i64 %reference, i32 %kind, i64 %type, i32 %depth) {ATTRIBUTES} {{
  %is.null = icmp eq i64 %reference, 0
  br i1 %is.null, label %null, label %some
null:
  %nullable = and i32 %kind, {KIND_NULLABLE}
  %takes.null = icmp ne i32 %nullable, 0
  %null.answer = zext i1 %takes.null to i32
  ret i32 %null.answer
some:
  %plain = and i32 %kind, {KIND_NULLABLE - 1}
  %object = inttoptr i64 %reference to ptr
  %tag = and i64 %reference, 3
  %is.i31.64 = and i64 %reference, 1
  %is.i31 = icmp ne i64 %is.i31.64, 0
  %is.object = icmp eq i64 %tag, 0
  switch i32 %plain, label %no [
    i32 {KIND_ANY}, label %yes
    i32 {KIND_EQ}, label %eq
    i32 {KIND_I31}, label %i31
    i32 {KIND_STRUCT}, label %shaped
    i32 {KIND_ARRAY}, label %shaped
    i32 {KIND_NONE}, label %no
    i32 {KIND_SHAPE}, label %shaped
    i32 {KIND_FUNCTION}, label %function
  ]
eq:
  %is.eq = or i1 %is.i31, %is.object
  br i1 %is.eq, label %yes, label %no
i31:
  br i1 %is.i31, label %yes, label %no
shaped:
  br i1 %is.object, label %record, label %no
record:
  {field("shapes", "ptr", "%vm", layout.VM_SHAPES)}
  %shape = load i32, ptr %object
  %shape.64 = zext i32 %shape to i64
  %its = getelementptr i8, ptr %shapes, i64 %shape.64
  {field("is.array", "i32", "%its", SHAPE_IS_ARRAY)}
  switch i32 %plain, label %below [
    i32 {KIND_STRUCT}, label %struct
    i32 {KIND_ARRAY}, label %array
  ]
struct:
  %is.struct = icmp eq i32 %is.array, 0
  br i1 %is.struct, label %yes, label %no
array:
  %is.an.array = icmp ne i32 %is.array, 0
  br i1 %is.an.array, label %yes, label %no
below:
  {field("fields", "i32", "%its", SHAPE_FIELDS)}
  %depth.bytes = shl i32 %depth, 2
  %super.offset = add i32 %depth.bytes, {SHAPE_SUPERTYPES}
  %is.deep = icmp ult i32 %super.offset, %fields
  br i1 %is.deep, label %compare, label %no
compare:
  %super.64 = zext i32 %super.offset to i64
  %super.at = getelementptr i8, ptr %its, i64 %super.64
  %super = load i32, ptr %super.at
  %wanted = trunc i64 %type to i32
  %is.below = icmp eq i32 %super, %wanted
  br i1 %is.below, label %yes, label %no
function:
  {field("actual", "i64", "%object", layout.FUNCTION_TYPE_ID)}
  %is.same = icmp eq i64 %actual, %type
  br i1 %is.same, label %yes, label %ask
ask:
  %is.subtype = call i32 @jormun_is_subtype(i64 %actual, i64 %type)
  ret i32 %is.subtype
yes:
  ret i32 1
no:
  ret i32 0
}}
"""
