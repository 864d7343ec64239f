"""Objects in the glue: how they are allocated, and how dead ones are found again (core specification, section 4.6.9).

A heap (runtime/heap_layout.py) does not move objects. Blocks hold places of one size; who allocates takes the next of a
run of free places, and dead objects make such runs, which are found block by block when places are wanted (`sweep`).
Larger objects, and all that is decided about a heap as a whole, are Python's (runtime/heap.py).

All of this is part of the glue, where no signal diverts a guest: a heap is never seen in between, and an object that
guest code gets is whole: its fields are zeros, which are null and what a collection may look at.

Functions of the C convention, called by guest code on the guest's stack. Safe because: a heap is used by one call at a
time, as its store is; places lie in blocks that are the heap's, and are as large as their class says; the size of an
object is computed here from its shape, or by the compiler from the same type.
"""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime import layout
from jormun.runtime.heap_layout import (
    BLOCK_BYTES,
    BLOCK_LOG2,
    CLASS_END,
    CLASS_NEXT,
    CLASS_RECORD_BYTES,
    CLASS_RUNS,
    CLASS_SIZE,
    CLASS_SWEEP,
    FREE,
    HEAP_BASE,
    HEAP_CLASSES,
    HEAP_FREE,
    HEAP_KINDS,
    HEAP_LINKS,
    HEAP_MARKS,
    LARGEST_BYTES,
    OBJECT_BYTES,
    OBJECT_LENGTH,
    OBJECT_SHAPE,
    SHAPE_SIZE,
)

ATTRIBUTES: Final = 'nounwind "frame-pointer"="all" "probe-stack"="inline-asm" "no-builtins"'
_RUN: Final = 8
"""Where in the first place of a run it says, as a u64: how far from the start of the block the next run begins, 0 if it
is the last; above 32 bits, how far it ends."""


def field(name: str, type: str, record: str, offset: int) -> str:
    """LLVM text that defines `name` as a field of a record."""
    return (
        f"%{name}.at = getelementptr i8, ptr {record}, i64 {offset}\n  %{name} = load {type}, ptr %{name}.at, align 8"
    )


def entry(name: str, type: str, heap: str, table: int, index: str) -> str:
    """LLVM text that defines `name` as what a table of the heap has for a block."""
    return f"""{field(f"{name}.table", "ptr", heap, table)}
  %{name}.at = getelementptr {type}, ptr %{name}.table, i64 {index}
  %{name} = load {type}, ptr %{name}.at"""


# i32 jormun_refill(heap, class, number): give a size class, whose run is used up, another one; 0 if Python is to help.
# Python calls it too.
_REFILL: Final = f"""
define i32 @jormun_refill(ptr %heap, ptr %class, i32 %number) {ATTRIBUTES} {{
  br label %look
look:
  {field("run", "i64", "%class", CLASS_RUNS)}
  %has.run = icmp ne i64 %run, 0
  br i1 %has.run, label %take, label %search
take:
  %run.p = inttoptr i64 %run to ptr
  {field("word", "i64", "%run.p", _RUN)}
  %block = and i64 %run, {-BLOCK_BYTES}
  %next.offset = and i64 %word, 4294967295
  %end.offset = lshr i64 %word, 32
  %has.next = icmp ne i64 %next.offset, 0
  %next.run = add i64 %block, %next.offset
  %runs = select i1 %has.next, i64 %next.run, i64 0
  store i64 %runs, ptr %run.at
  %end = add i64 %block, %end.offset
  br label %give
search:
  {field("swept", "i64", "%class", CLASS_SWEEP)}
  %has.swept = icmp ne i64 %swept, 0
  br i1 %has.swept, label %sweep, label %fresh
sweep:
  {entry("after", "i32", "%heap", HEAP_LINKS, "%swept")}
  %after.64 = zext i32 %after to i64
  store i64 %after.64, ptr %swept.at
  %found = call i64 @jormun_sweep(ptr %heap, ptr %class, i64 %swept)
  store i64 %found, ptr %run.at
  br label %look
fresh:
  {field("free", "i64", "%heap", HEAP_FREE)}
  %has.free = icmp ne i64 %free, 0
  br i1 %has.free, label %adopt, label %fail
adopt:
  {entry("rest", "i32", "%heap", HEAP_LINKS, "%free")}
  %rest.64 = zext i32 %rest to i64
  store i64 %rest.64, ptr %free.at
  {field("kinds", "ptr", "%heap", HEAP_KINDS)}
  %kind.at = getelementptr i8, ptr %kinds, i64 %free
  %number.8 = trunc i32 %number to i8
  %kind = add i8 %number.8, 1
  store i8 %kind, ptr %kind.at
  {field("base", "i64", "%heap", HEAP_BASE)}
  %offset = shl i64 %free, {BLOCK_LOG2}
  %start = add i64 %base, %offset
  %start.p = inttoptr i64 %start to ptr
  %cleared = call ptr @memset(ptr %start.p, i32 0, i64 {BLOCK_BYTES})
  {field("size", "i64", "%class", CLASS_SIZE)}
  %waste = urem i64 {BLOCK_BYTES}, %size
  %last = sub i64 {BLOCK_BYTES}, %waste
  %fresh.end = add i64 %start, %last
  br label %give
give:
  %from = phi i64 [ %run, %take ], [ %start, %adopt ]
  %to = phi i64 [ %end, %take ], [ %fresh.end, %adopt ]
  %next.at = getelementptr i8, ptr %class, i64 {CLASS_NEXT}
  store i64 %from, ptr %next.at
  %end.at = getelementptr i8, ptr %class, i64 {CLASS_END}
  store i64 %to, ptr %end.at
  ret i32 1
fail:
  ret i32 0
}}
"""

# i64 jormun_sweep(heap, class, block): make free all places of a block that the last collection did not mark; the
# address of the first run of them, or 0.
_SWEEP: Final = f"""
define internal i64 @jormun_sweep(ptr %heap, ptr %class, i64 %index) {ATTRIBUTES} {{
  {field("base", "i64", "%heap", HEAP_BASE)}
  {field("marks", "ptr", "%heap", HEAP_MARKS)}
  {field("size", "i64", "%class", CLASS_SIZE)}
  %offset = shl i64 %index, {BLOCK_LOG2}
  %block = add i64 %base, %offset
  %waste = urem i64 {BLOCK_BYTES}, %size
  %limit = sub i64 {BLOCK_BYTES}, %waste
  br label %head
head:
  %at = phi i64 [ 0, %0 ], [ %after, %next ]
  %open = phi i64 [ -1, %0 ], [ %open.next, %next ]
  %tail = phi i64 [ -1, %0 ], [ %tail.next, %next ]
  %first = phi i64 [ 0, %0 ], [ %first.next, %next ]
  %is.end = icmp uge i64 %at, %limit
  br i1 %is.end, label %close, label %look
look:
  %place = add i64 %offset, %at
  %bit = lshr i64 %place, 4
  %byte = lshr i64 %bit, 3
  %mark.at = getelementptr i8, ptr %marks, i64 %byte
  %mark = load i8, ptr %mark.at
  %shift = and i64 %bit, 7
  %shift.8 = trunc i64 %shift to i8
  %shifted = lshr i8 %mark, %shift.8
  %is.marked = trunc i8 %shifted to i1
  br i1 %is.marked, label %close, label %dead
dead:
  %address = add i64 %block, %at
  %object = inttoptr i64 %address to ptr
  store i64 0, ptr %object
  %is.open = icmp sge i64 %open, 0
  %opened = select i1 %is.open, i64 %open, i64 %at
  br label %next
close:
  %has.run = icmp sge i64 %open, 0
  br i1 %has.run, label %link, label %closed
link:
  %run = add i64 %block, %open
  %run.p = inttoptr i64 %run to ptr
  %word.at = getelementptr i8, ptr %run.p, i64 {_RUN}
  %word = shl i64 %at, 32
  store i64 %word, ptr %word.at
  %has.tail = icmp sge i64 %tail, 0
  br i1 %has.tail, label %chain, label %begin
chain:
  %tail.run = add i64 %block, %tail
  %tail.p = inttoptr i64 %tail.run to ptr
  %tail.at = getelementptr i8, ptr %tail.p, i64 {_RUN}
  %open.32 = trunc i64 %open to i32
  store i32 %open.32, ptr %tail.at
  br label %closed
begin:
  br label %closed
closed:
  %tail.new = phi i64 [ %tail, %close ], [ %open, %chain ], [ %open, %begin ]
  %first.new = phi i64 [ %first, %close ], [ %first, %chain ], [ %run, %begin ]
  br i1 %is.end, label %done, label %next
next:
  %open.next = phi i64 [ %opened, %dead ], [ -1, %closed ]
  %tail.next = phi i64 [ %tail, %dead ], [ %tail.new, %closed ]
  %first.next = phi i64 [ %first, %dead ], [ %first.new, %closed ]
  %after = add i64 %at, %size
  br label %head
done:
  ret i64 %first.new
}}
"""

# i64 jormun_place(vm, number): a place of a size class, all zeros. It does not return where there can be none.
_PLACE: Final = f"""
define internal i64 @jormun_place(ptr %vm, i32 %number) {ATTRIBUTES} {{
  {field("heap", "ptr", "%vm", layout.VM_HEAP)}
  %number.64 = zext i32 %number to i64
  %offset = mul i64 %number.64, {CLASS_RECORD_BYTES}
  %class = getelementptr i8, ptr %heap, i64 %offset
  %next.at = getelementptr i8, ptr %class, i64 {CLASS_NEXT}
  %end.at = getelementptr i8, ptr %class, i64 {CLASS_END}
  {field("size", "i64", "%class", CLASS_SIZE)}
  br label %try
try:
  %next = load i64, ptr %next.at
  %end = load i64, ptr %end.at
  %after = add i64 %next, %size
  %fits = icmp ule i64 %after, %end
  br i1 %fits, label %found, label %refill
refill:
  %refilled = call i32 @jormun_refill(ptr %heap, ptr %class, i32 %number)
  %is.refilled = icmp ne i32 %refilled, 0
  br i1 %is.refilled, label %try, label %ask
ask:
  %answer = call i64 @jormun_heap_more(ptr %vm, i32 %number)
  br label %try
found:
  store i64 %after, ptr %next.at
  br label %zero
zero:
  %at = phi i64 [ %next, %found ], [ %at.next, %zero ]
  %place = inttoptr i64 %at to ptr
  store <2 x i64> zeroinitializer, ptr %place, align 16
  %at.next = add i64 %at, 16
  %is.zero = icmp uge i64 %at.next, %after
  br i1 %is.zero, label %done, label %zero
done:
  ret i64 %next
}}
"""

# i64 jormun_structure(vm, number, shape): a structure of that shape, which takes a place of that size class.
#
# i64 jormun_large_structure(vm, shape): one that is larger than any place.
#
# i64 jormun_array(vm, shape, length): an array.
_ALLOCATE: Final = f"""
define i64 @jormun_structure(ptr %vm, i32 %number, i32 %shape) {ATTRIBUTES} {{
  %place = call i64 @jormun_place(ptr %vm, i32 %number)
  %object = inttoptr i64 %place to ptr
  %shape.at = getelementptr i8, ptr %object, i64 {OBJECT_SHAPE}
  store i32 %shape, ptr %shape.at
  ret i64 %place
}}
define i64 @jormun_large_structure(ptr %vm, i32 %shape) {ATTRIBUTES} {{
  {field("shapes", "ptr", "%vm", layout.VM_SHAPES)}
  %shape.64 = zext i32 %shape to i64
  %record = getelementptr i8, ptr %shapes, i64 %shape.64
  {field("size", "i32", "%record", SHAPE_SIZE)}
  %size.64 = zext i32 %size to i64
  %found = call i64 @jormun_heap_large(ptr %vm, i64 %size.64)
  %object = inttoptr i64 %found to ptr
  %shape.at = getelementptr i8, ptr %object, i64 {OBJECT_SHAPE}
  store i32 %shape, ptr %shape.at
  ret i64 %found
}}
define i64 @jormun_array(ptr %vm, i32 %shape, i32 %length) {ATTRIBUTES} {{
  {field("shapes", "ptr", "%vm", layout.VM_SHAPES)}
  {field("heap", "ptr", "%vm", layout.VM_HEAP)}
  %shape.64 = zext i32 %shape to i64
  %record = getelementptr i8, ptr %shapes, i64 %shape.64
  {field("unit", "i32", "%record", SHAPE_SIZE)}
  %unit.64 = zext i32 %unit to i64
  %length.64 = zext i32 %length to i64
  %elements = shl i64 %length.64, %unit.64
  %bytes = add i64 %elements, {OBJECT_BYTES}
  %is.large = icmp ugt i64 %bytes, {LARGEST_BYTES}
  br i1 %is.large, label %large, label %small
large:
  %found = call i64 @jormun_heap_large(ptr %vm, i64 %bytes)
  br label %done
small:
  %rounded = add i64 %bytes, 15
  %places = lshr i64 %rounded, 4
  {field("classes", "ptr", "%heap", HEAP_CLASSES)}
  %number.at = getelementptr i8, ptr %classes, i64 %places
  %number.8 = load i8, ptr %number.at
  %number = zext i8 %number.8 to i32
  %place = call i64 @jormun_place(ptr %vm, i32 %number)
  br label %done
done:
  %at = phi i64 [ %found, %large ], [ %place, %small ]
  %object = inttoptr i64 %at to ptr
  %length.at = getelementptr i8, ptr %object, i64 {OBJECT_LENGTH}
  store i32 %length, ptr %length.at
  %shape.at = getelementptr i8, ptr %object, i64 {OBJECT_SHAPE}
  store i32 %shape, ptr %shape.at
  ret i64 %at
}}
"""


def text() -> str:
    """The LLVM text."""
    assert FREE == 0
    return _SWEEP + _REFILL + _PLACE + _ALLOCATE
