"""Finding the objects that are alive, in the glue: a collection marks what can be reached (runtime/heap_layout.py).

What leads to objects is given as ranges of words: guests' stacks, globals, tables. A word there is taken for a
reference if it lies in a place of the heap that is not free, wherever in it: machine code may hold nothing but the
address of an element. In objects it is known where references are. So nothing moves, and a number that looks like an
address may keep an object alive for a while.

i32 jormun_collect(heap, ranges, count): called by Python, with the GIL held, while no guest of the store runs. `ranges`
are `count` pairs of the first address and the end.

Safe because: blocks are the heap's, and an object's shape says how far its fields reach; free places have no shape. The
stack of objects has room for all there may be, since each is put on it once.
"""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime.heap_layout import (
    BLOCK_BYTES,
    BLOCK_LOG2,
    BLOCK_MARKS_BYTES,
    CLASS_END,
    CLASS_NEXT,
    CLASS_RECORD_BYTES,
    CLASS_ROOM,
    CLASS_RUNS,
    CLASS_SIZE,
    CLASS_SWEEP,
    DEAD,
    FREE,
    HEAP_BASE,
    HEAP_BLOCKS,
    HEAP_FREE,
    HEAP_KINDS,
    HEAP_LINKS,
    HEAP_LIVE,
    HEAP_MARKS,
    HEAP_SHAPES,
    HEAP_STACK,
    INSIDE,
    LARGE,
    OBJECT_BYTES,
    OBJECT_LENGTH,
    SHAPE_FIELDS,
    SHAPE_IS_ARRAY,
    SHAPE_REFERENCES,
    SIZES,
)
from jormun.runtime.native.heap import ATTRIBUTES, entry, field

# ptr jormun_mark(heap, top, address): an object that is alive. Unless it was known, and if it has fields that may refer
# to objects, it goes onto the stack, whose top this returns.
_MARK: Final = f"""
define internal ptr @jormun_mark(ptr %heap, ptr %top, i64 %address) {ATTRIBUTES} {{
  {field("base", "i64", "%heap", HEAP_BASE)}
  {field("marks", "ptr", "%heap", HEAP_MARKS)}
  %offset = sub i64 %address, %base
  %bit = lshr i64 %offset, 4
  %word = lshr i64 %bit, 6
  %mark.at = getelementptr i64, ptr %marks, i64 %word
  %mark = load i64, ptr %mark.at
  %shift = and i64 %bit, 63
  %mask = shl i64 1, %shift
  %known = and i64 %mark, %mask
  %is.known = icmp ne i64 %known, 0
  br i1 %is.known, label %done, label %new
new:
  %marked = or i64 %mark, %mask
  store i64 %marked, ptr %mark.at
  {field("shapes", "ptr", "%heap", HEAP_SHAPES)}
  %object = inttoptr i64 %address to ptr
  %shape = load i32, ptr %object
  %shape.64 = zext i32 %shape to i64
  %record = getelementptr i8, ptr %shapes, i64 %shape.64
  {field("count", "i32", "%record", SHAPE_REFERENCES)}
  %is.leaf = icmp eq i32 %count, 0
  br i1 %is.leaf, label %done, label %push
push:
  store i64 %address, ptr %top
  %higher = getelementptr i8, ptr %top, i64 8
  ret ptr %higher
done:
  ret ptr %top
}}
"""

# ptr jormun_mark_field(heap, top, word): the same for a reference in an object: it may be null, an i31, the host's, or
# an exception that is no object.
_MARK_FIELD: Final = f"""
define internal ptr @jormun_mark_field(ptr %heap, ptr %top, i64 %word) {ATTRIBUTES} alwaysinline {{
  %tag = and i64 %word, 3
  %is.tagged = icmp ne i64 %tag, 0
  %is.null = icmp eq i64 %word, 0
  %is.none = or i1 %is.tagged, %is.null
  br i1 %is.none, label %none, label %object
object:
  {field("base", "i64", "%heap", HEAP_BASE)}
  {field("blocks", "i64", "%heap", HEAP_BLOCKS)}
  %offset = sub i64 %word, %base
  %index = lshr i64 %offset, {BLOCK_LOG2}
  %is.outside = icmp uge i64 %index, %blocks
  br i1 %is.outside, label %none, label %inside
inside:
  %marked = call ptr @jormun_mark(ptr %heap, ptr %top, i64 %word)
  ret ptr %marked
none:
  ret ptr %top
}}
"""

# ptr jormun_mark_word(heap, top, word): the same for what may be an address in an object, or anything.
_MARK_WORD: Final = f"""
define internal ptr @jormun_mark_word(ptr %heap, ptr %top, i64 %word) {ATTRIBUTES} {{
  {field("base", "i64", "%heap", HEAP_BASE)}
  {field("blocks", "i64", "%heap", HEAP_BLOCKS)}
  %offset = sub i64 %word, %base
  %index = lshr i64 %offset, {BLOCK_LOG2}
  %is.outside = icmp uge i64 %index, %blocks
  br i1 %is.outside, label %none, label %inside
inside:
  {entry("kind", "i8", "%heap", HEAP_KINDS, "%index")}
  switch i8 %kind, label %small [
    i8 {FREE}, label %none
    i8 {DEAD - 256}, label %none
    i8 {LARGE - 256}, label %large
    i8 {INSIDE - 256}, label %rest
  ]
rest:
  {entry("first", "i32", "%heap", HEAP_LINKS, "%index")}
  %first.64 = zext i32 %first to i64
  br label %large
large:
  %head = phi i64 [ %index, %inside ], [ %first.64, %rest ]
  %head.offset = shl i64 %head, {BLOCK_LOG2}
  %head.address = add i64 %base, %head.offset
  br label %check
small:
  %kind.64 = zext i8 %kind to i64
  %number = sub i64 %kind.64, 1
  %class.offset = mul i64 %number, {CLASS_RECORD_BYTES}
  %class = getelementptr i8, ptr %heap, i64 %class.offset
  {field("size", "i64", "%class", CLASS_SIZE)}
  %within = and i64 %offset, {BLOCK_BYTES - 1}
  %past = urem i64 %within, %size
  %start = sub i64 %within, %past
  %after = add i64 %start, %size
  %is.waste = icmp ugt i64 %after, {BLOCK_BYTES}
  %block = sub i64 %word, %within
  %place = add i64 %block, %start
  br i1 %is.waste, label %none, label %check
check:
  %address = phi i64 [ %head.address, %large ], [ %place, %small ]
  %object = inttoptr i64 %address to ptr
  %shape = load i32, ptr %object
  %is.free = icmp eq i32 %shape, 0
  br i1 %is.free, label %none, label %found
found:
  %marked = call ptr @jormun_mark(ptr %heap, ptr %top, i64 %address)
  ret ptr %marked
none:
  ret ptr %top
}}
"""

# void jormun_drain(heap, top): mark all that the objects on the stack lead to.
_DRAIN: Final = f"""
define internal void @jormun_drain(ptr %heap, ptr %begin) {ATTRIBUTES} {{
  {field("bottom", "ptr", "%heap", HEAP_STACK)}
  {field("shapes", "ptr", "%heap", HEAP_SHAPES)}
  br label %head
head:
  %top = phi ptr [ %begin, %0 ], [ %top.field, %fields ], [ %top.element, %elements ]
  %is.empty = icmp eq ptr %top, %bottom
  br i1 %is.empty, label %done, label %pop
pop:
  %lower = getelementptr i8, ptr %top, i64 -8
  %address = load i64, ptr %lower
  %object = inttoptr i64 %address to ptr
  %shape = load i32, ptr %object
  %shape.64 = zext i32 %shape to i64
  %record = getelementptr i8, ptr %shapes, i64 %shape.64
  {field("is.array", "i32", "%record", SHAPE_IS_ARRAY)}
  {field("count", "i32", "%record", SHAPE_REFERENCES)}
  {field("fields.start", "i32", "%record", SHAPE_FIELDS)}
  {field("length", "i32", "%object", OBJECT_LENGTH)}
  %fields.64 = zext i32 %fields.start to i64
  %offsets = getelementptr i8, ptr %record, i64 %fields.64
  %first = getelementptr i8, ptr %object, i64 {OBJECT_BYTES}
  %array = icmp ne i32 %is.array, 0
  br i1 %array, label %elements, label %fields
fields:
  %k = phi i32 [ 0, %pop ], [ %k.next, %field ]
  %top.field = phi ptr [ %lower, %pop ], [ %field.top, %field ]
  %has.field = icmp ult i32 %k, %count
  br i1 %has.field, label %field, label %head
field:
  %offset.at = getelementptr i32, ptr %offsets, i32 %k
  %offset = load i32, ptr %offset.at
  %offset.64 = zext i32 %offset to i64
  %field.at = getelementptr i8, ptr %object, i64 %offset.64
  %field.word = load i64, ptr %field.at
  %field.top = call ptr @jormun_mark_field(ptr %heap, ptr %top.field, i64 %field.word)
  %k.next = add i32 %k, 1
  br label %fields
elements:
  %n = phi i32 [ 0, %pop ], [ %n.next, %element ]
  %top.element = phi ptr [ %lower, %pop ], [ %element.top, %element ]
  %has.element = icmp ult i32 %n, %length
  br i1 %has.element, label %element, label %head
element:
  %n.64 = zext i32 %n to i64
  %element.at = getelementptr i64, ptr %first, i64 %n.64
  %element.word = load i64, ptr %element.at
  %element.top = call ptr @jormun_mark_field(ptr %heap, ptr %top.element, i64 %element.word)
  %n.next = add i32 %n, 1
  br label %elements
done:
  ret void
}}
"""

# Before: what dead objects of the last collection have not been found yet are found, since a block that is taken for
# another size would else have what looks like objects; and no class has a run. Behind: blocks without a living object
# are nobody's, the others are to be swept.
_COLLECT: Final = f"""
define i32 @jormun_collect(ptr %heap, ptr %ranges, i64 %count) {ATTRIBUTES} {{
  br label %class.head
class.head:
  %number = phi i64 [ 0, %0 ], [ %number.next, %class.clear ]
  %class.offset = mul i64 %number, {CLASS_RECORD_BYTES}
  %class = getelementptr i8, ptr %heap, i64 %class.offset
  %sweep.at = getelementptr i8, ptr %class, i64 {CLASS_SWEEP}
  %is.behind = icmp eq i64 %number, {len(SIZES)}
  br i1 %is.behind, label %mark, label %class.sweep
class.sweep:
  %swept = load i64, ptr %sweep.at
  %has.swept = icmp ne i64 %swept, 0
  br i1 %has.swept, label %sweep, label %class.clear
sweep:
  {entry("after", "i32", "%heap", HEAP_LINKS, "%swept")}
  %after.64 = zext i32 %after to i64
  store i64 %after.64, ptr %sweep.at
  %unused = call i64 @jormun_sweep(ptr %heap, ptr %class, i64 %swept)
  br label %class.sweep
class.clear:
  %next.at = getelementptr i8, ptr %class, i64 {CLASS_NEXT}
  store i64 0, ptr %next.at
  %end.at = getelementptr i8, ptr %class, i64 {CLASS_END}
  store i64 0, ptr %end.at
  %runs.at = getelementptr i8, ptr %class, i64 {CLASS_RUNS}
  store i64 0, ptr %runs.at
  %room.at = getelementptr i8, ptr %class, i64 {CLASS_ROOM}
  store i64 0, ptr %room.at
  %number.next = add i64 %number, 1
  br label %class.head

mark:
  {field("blocks", "i64", "%heap", HEAP_BLOCKS)}
  {field("marks", "ptr", "%heap", HEAP_MARKS)}
  {field("stack", "ptr", "%heap", HEAP_STACK)}
  %marks.bytes = mul i64 %blocks, {BLOCK_MARKS_BYTES}
  %cleared = call ptr @memset(ptr %marks, i32 0, i64 %marks.bytes)
  br label %range.head
range.head:
  %range = phi i64 [ 0, %mark ], [ %range.next, %range.done ]
  %has.range = icmp ult i64 %range, %count
  br i1 %has.range, label %range.start, label %list
range.start:
  %range.at = getelementptr {{i64, i64}}, ptr %ranges, i64 %range
  %first = load i64, ptr %range.at
  %limit.at = getelementptr i8, ptr %range.at, i64 8
  %limit = load i64, ptr %limit.at
  br label %word.head
word.head:
  %at = phi i64 [ %first, %range.start ], [ %at.next, %word.do ]
  %top = phi ptr [ %stack, %range.start ], [ %top.next, %word.do ]
  %has.word = icmp ult i64 %at, %limit
  br i1 %has.word, label %word.do, label %range.done
word.do:
  %word.at = inttoptr i64 %at to ptr
  %word = load i64, ptr %word.at
  %top.next = call ptr @jormun_mark_word(ptr %heap, ptr %top, i64 %word)
  %at.next = add i64 %at, 8
  br label %word.head
range.done:
  call void @jormun_drain(ptr %heap, ptr %top)
  %range.next = add i64 %range, 1
  br label %range.head

list:
  {field("kinds", "ptr", "%heap", HEAP_KINDS)}
  {field("links", "ptr", "%heap", HEAP_LINKS)}
  %free.at = getelementptr i8, ptr %heap, i64 {HEAP_FREE}
  br label %block.head
block.head:
  %above = phi i64 [ %blocks, %list ], [ %index, %block.next ]
  %live = phi i64 [ 0, %list ], [ %live.next, %block.next ]
  %index = sub i64 %above, 1
  %is.first = icmp eq i64 %index, 0
  br i1 %is.first, label %done, label %block
block:
  %kind.at = getelementptr i8, ptr %kinds, i64 %index
  %kind = load i8, ptr %kind.at
  %link.at = getelementptr i32, ptr %links, i64 %index
  %index.32 = trunc i64 %index to i32
  %block.marks.offset = mul i64 %index, {BLOCK_MARKS_BYTES}
  %block.marks = getelementptr i8, ptr %marks, i64 %block.marks.offset
  switch i8 %kind, label %count.head [
    i8 {FREE}, label %block.next
    i8 {DEAD - 256}, label %block.next
    i8 {INSIDE - 256}, label %block.next
    i8 {LARGE - 256}, label %large
  ]
large:
  %large.mark = load i8, ptr %block.marks
  %is.alive = trunc i8 %large.mark to i1
  br i1 %is.alive, label %block.next, label %large.dead
large.dead:
  store i8 {DEAD - 256}, ptr %kind.at
  br label %block.next
count.head:
  %k = phi i64 [ 0, %block ], [ %k.next, %count.head ]
  %sum = phi i64 [ 0, %block ], [ %sum.next, %count.head ]
  %piece.at = getelementptr i64, ptr %block.marks, i64 %k
  %piece = load i64, ptr %piece.at
  %piece.count = call i64 @llvm.ctpop.i64(i64 %piece)
  %sum.next = add i64 %sum, %piece.count
  %k.next = add i64 %k, 1
  %is.counted = icmp eq i64 %k.next, {BLOCK_MARKS_BYTES // 8}
  br i1 %is.counted, label %counted, label %count.head
counted:
  %is.unused = icmp eq i64 %sum.next, 0
  br i1 %is.unused, label %unused.block, label %used.block
unused.block:
  store i8 {FREE}, ptr %kind.at
  %free = load i64, ptr %free.at
  %free.32 = trunc i64 %free to i32
  store i32 %free.32, ptr %link.at
  store i64 %index, ptr %free.at
  br label %block.next
used.block:
  %kind.64 = zext i8 %kind to i64
  %its.number = sub i64 %kind.64, 1
  %its.offset = mul i64 %its.number, {CLASS_RECORD_BYTES}
  %its.class = getelementptr i8, ptr %heap, i64 %its.offset
  {field("its.sweep", "i64", "%its.class", CLASS_SWEEP)}
  %its.sweep.32 = trunc i64 %its.sweep to i32
  store i32 %its.sweep.32, ptr %link.at
  store i64 %index, ptr %its.sweep.at
  {field("its.size", "i64", "%its.class", CLASS_SIZE)}
  %its.bytes = mul i64 %its.size, %sum.next
  {field("its.room", "i64", "%its.class", CLASS_ROOM)}
  %its.places = udiv i64 {BLOCK_BYTES}, %its.size
  %its.unused = sub i64 %its.places, %sum.next
  %its.room.new = add i64 %its.room, %its.unused
  store i64 %its.room.new, ptr %its.room.at
  br label %block.next
block.next:
  %more = phi i64 [ 0, %block ], [ 0, %block ], [ 0, %block ], [ 0, %large ], [ 0, %large.dead ], [ 0, %unused.block ],
    [ %its.bytes, %used.block ]
  %live.next = add i64 %live, %more
  br label %block.head
done:
  %live.at = getelementptr i8, ptr %heap, i64 {HEAP_LIVE}
  store i64 %live, ptr %live.at
  ret i32 0
}}
declare i64 @llvm.ctpop.i64(i64)
"""


def text() -> str:
    """The LLVM text."""
    return _MARK + _MARK_FIELD + _MARK_WORD + _DRAIN + _COLLECT
