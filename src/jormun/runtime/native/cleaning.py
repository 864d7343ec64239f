"""Writing over the few pages of a memory that were written to, in machine code: LLVM text of the glue.

The kernel is asked which they are (ioctl PAGEMAP_SCAN of Linux 6.7), by a record that begins with its own argument
(struct pm_scan_arg of <linux/fs.h>). See dirty_pages.py, which fills it.
"""

from __future__ import annotations

from jormun.hints import Final

SCAN: Final = 0xC060_6610
"""_IOWR('f', 16, struct pm_scan_arg)."""
ARGUMENT_BYTES: Final = 96
"""sizeof(struct pm_scan_arg)."""
SIZE, START, END, WALK_END, REGIONS, MOST_REGIONS, MOST_PAGES_ASKED, INVERTED, MASK, ANY_OF = (
    8 * k for k in (0, 2, 3, 4, 5, 6, 7, 8, 9, 10)
)
"""Fields of that: sizes and addresses, 64 bits each."""
FILE: Final = 96
"""ptr: where the descriptor to ask is, plus 1; 0 there is none."""
IMAGE_FIRST: Final = 104
"""i64: the address of the first page that began with bytes of an image."""
IMAGE_LAST: Final = 112
"""i64: where these end."""
PRISTINE: Final = 120
"""ptr: the bytes of the image."""
BYTES: Final = 128
REGION_BYTES: Final = 24
"""sizeof(struct page_region): where it begins, where it ends, and what it is."""

NO_FILE, REFUSED, TOO_MANY = -1, -2, -3
"""There is no descriptor; the kernel does not answer; more pages than MOST_PAGES were written to."""
MOST_PAGES: Final = 16
"""More written pages than that are not written over."""
_SHORT_BYTES: Final = 4 << 20
"""The kernel looks at each page that is there, 0.03 us: for larger memories the GIL is released."""
_PAGE_BYTES: Final = 4096

_DECLARATIONS: Final = """
declare dso_local i32 @ioctl(i32, i64, ...)
declare i64 @llvm.umax.i64(i64, i64)
"""


def text() -> str:
    """The LLVM text."""
    return _DECLARATIONS + _CLEAN


# ptr jormun_clean(ptr self, ptr address): has the memory that the record at an address describes be as it began, where
# at most MOST_PAGES pages were written to. An int: how many were, or one of the above, and nothing was done.
#
# Safe because: regions that the kernel tells of lie between START and END, which are the memory's, accessible and
# nobody's by now; there is room for as many as it is asked for; and an image has IMAGE_LAST - IMAGE_FIRST bytes.
_CLEAN: Final = f"""
define ptr @jormun_clean(ptr %self, ptr %object) nounwind {{
  %address = call i64 @PyLong_AsUnsignedLongLong(ptr %object)
  %is.odd = icmp eq i64 %address, -1
  br i1 %is.odd, label %raise, label %look
look:
  %record = inttoptr i64 %address to ptr
  %file.at = getelementptr i8, ptr %record, i64 {FILE}
  %file = load ptr, ptr %file.at
  %fd.64 = load volatile i64, ptr %file
  %has.none = icmp eq i64 %fd.64, 0
  br i1 %has.none, label %done, label %ask
ask:
  %fd.more = trunc i64 %fd.64 to i32
  %fd = sub i32 %fd.more, 1
  %start.at = getelementptr i8, ptr %record, i64 {START}
  %start = load i64, ptr %start.at
  %end.at = getelementptr i8, ptr %record, i64 {END}
  %end = load i64, ptr %end.at
  %size = sub i64 %end, %start
  %is.short = icmp ule i64 %size, {_SHORT_BYTES}
  br i1 %is.short, label %short, label %long
short:
  %count.short = call i32 (i32, i64, ...) @ioctl(i32 %fd, i64 {SCAN}, ptr %record)
  br label %answered
long:
  %state = call ptr @PyEval_SaveThread()
  %count.long = call i32 (i32, i64, ...) @ioctl(i32 %fd, i64 {SCAN}, ptr %record)
  call void @PyEval_RestoreThread(ptr %state)
  br label %answered
answered:
  %count.32 = phi i32 [ %count.short, %short ], [ %count.long, %long ]
  %count = sext i32 %count.32 to i64
  %has.failed = icmp slt i64 %count, 0
  br i1 %has.failed, label %done, label %complete
complete:
  %walk.end.at = getelementptr i8, ptr %record, i64 {WALK_END}
  %walk.end = load i64, ptr %walk.end.at
  %is.all = icmp eq i64 %walk.end, %end
  br i1 %is.all, label %measure, label %done
measure:
  %regions.at = getelementptr i8, ptr %record, i64 {REGIONS}
  %regions = load ptr, ptr %regions.at
  br label %sum
sum:
  %k = phi i64 [ 0, %measure ], [ %k.next, %add ]
  %bytes = phi i64 [ 0, %measure ], [ %bytes.more, %add ]
  %is.summed = icmp eq i64 %k, %count
  br i1 %is.summed, label %compare, label %add
add:
  %offset = mul i64 %k, {REGION_BYTES}
  %region = getelementptr i8, ptr %regions, i64 %offset
  %from = load i64, ptr %region
  %to.at = getelementptr i8, ptr %region, i64 8
  %to = load i64, ptr %to.at
  %length = sub i64 %to, %from
  %bytes.more = add i64 %bytes, %length
  %k.next = add i64 %k, 1
  br label %sum
compare:
  %pages = udiv i64 %bytes, {_PAGE_BYTES}
  %is.few = icmp ule i64 %pages, {MOST_PAGES}
  br i1 %is.few, label %begin, label %done
begin:
  %first.at = getelementptr i8, ptr %record, i64 {IMAGE_FIRST}
  %first = load i64, ptr %first.at
  %last.at = getelementptr i8, ptr %record, i64 {IMAGE_LAST}
  %last = load i64, ptr %last.at
  %pristine.at = getelementptr i8, ptr %record, i64 {PRISTINE}
  %pristine = load ptr, ptr %pristine.at
  br label %head
head:
  %j = phi i64 [ 0, %begin ], [ %j.next, %written ]
  %is.over = icmp eq i64 %j, %count
  br i1 %is.over, label %done, label %write
write:
  %write.offset = mul i64 %j, {REGION_BYTES}
  %write.region = getelementptr i8, ptr %regions, i64 %write.offset
  %low = load i64, ptr %write.region
  %high.at = getelementptr i8, ptr %write.region, i64 8
  %high = load i64, ptr %high.at
  ; zeros up to where the image begins, its bytes, zeros from where it ends
  %image.from.low = call i64 @llvm.umax.i64(i64 %low, i64 %first)
  %image.from = call i64 @llvm.umin.i64(i64 %image.from.low, i64 %high)
  %image.to.high = call i64 @llvm.umin.i64(i64 %high, i64 %last)
  %image.to = call i64 @llvm.umax.i64(i64 %image.to.high, i64 %image.from)
  %before = sub i64 %image.from, %low
  %low.at = inttoptr i64 %low to ptr
  %zeros.before = call ptr @memset(ptr %low.at, i32 0, i64 %before)
  %within = sub i64 %image.to, %image.from
  %source.offset = sub i64 %image.from, %first
  %source = getelementptr i8, ptr %pristine, i64 %source.offset
  %image.at = inttoptr i64 %image.from to ptr
  %copied = call ptr @memmove(ptr %image.at, ptr %source, i64 %within)
  %behind = sub i64 %high, %image.to
  %behind.at = inttoptr i64 %image.to to ptr
  %zeros.behind = call ptr @memset(ptr %behind.at, i32 0, i64 %behind)
  br label %written
written:
  %j.next = add i64 %j, 1
  br label %head
done:
  %answer = phi i64 [ {NO_FILE}, %look ], [ {REFUSED}, %answered ], [ {TOO_MANY}, %complete ], [ {TOO_MANY}, %compare ],
                    [ %pages, %head ]
  %int = call ptr @PyLong_FromLongLong(i64 %answer)
  ret ptr %int
raise:
  ret ptr null
}}
"""
