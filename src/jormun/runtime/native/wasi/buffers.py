"""The buffers that a call moves bytes from or to: gathered once, so that what was checked is what is used."""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime.native.wasi.call import ATTRIBUTES, done

IOVECS: Final = 16
"""How many buffers a call may have here. C libraries send two at most."""
TRANSFER_BYTES: Final = 0x7FFF_F000
"""More than the kernel moves in one call is Python's to cut."""

FRAME: Final = f"  %buffers = alloca [{IOVECS} x {{ptr, i64}}]"
"""Room for the host's iovecs, 16 bytes each."""

# {i64, i64} jormun_wasi_buffers(ptr base, i64 size, i32 iovs, i32 count, ptr buffers): writes the host's iovecs of the
# buffers that `count` iovecs of the guest's name, empty ones left out; how many, and how many bytes in all. None when
# one is outside of the memory, or there are more than IOVECS.
BUFFERS: Final = f"""
define internal {{i64, i64}} @jormun_wasi_buffers(
  ptr %base, i64 %size, i32 %iovs, i32 %count, ptr %buffers
) {ATTRIBUTES} {{
  %is.many = icmp ugt i32 %count, {IOVECS}
  br i1 %is.many, label %none, label %few
few:
  %many = zext i32 %count to i64
  %start = zext i32 %iovs to i64
  %length = shl i64 %many, 3
  %end = add i64 %start, %length
  %is.outside = icmp ugt i64 %end, %size
  br i1 %is.outside, label %none, label %head
head:
  %k = phi i64 [0, %few], [%k.next, %next]
  %found = phi i64 [0, %few], [%found.next, %next]
  %total = phi i64 [0, %few], [%total.next, %next]
  %is.last = icmp eq i64 %k, %many
  br i1 %is.last, label %done, label %iovec
iovec:
  %ahead = shl i64 %k, 3
  %at = add i64 %start, %ahead
  %address.at = getelementptr i8, ptr %base, i64 %at
  %address.32 = load volatile i32, ptr %address.at, align 1
  %bytes.at = getelementptr i8, ptr %address.at, i64 4
  %bytes.32 = load volatile i32, ptr %bytes.at, align 1
  %address = zext i32 %address.32 to i64
  %bytes = zext i32 %bytes.32 to i64
  %is.empty = icmp eq i64 %bytes, 0
  br i1 %is.empty, label %next, label %check
check:
  %buffer.end = add i64 %address, %bytes
  %is.beyond = icmp ugt i64 %buffer.end, %size
  br i1 %is.beyond, label %none, label %take
take:
  %buffer = getelementptr i8, ptr %base, i64 %address
  %place = getelementptr {{ptr, i64}}, ptr %buffers, i64 %found
  store ptr %buffer, ptr %place
  %place.bytes = getelementptr i8, ptr %place, i64 8
  store i64 %bytes, ptr %place.bytes
  %found.more = add i64 %found, 1
  %total.more = add i64 %total, %bytes
  br label %next
next:
  %found.next = phi i64 [%found, %iovec], [%found.more, %take]
  %total.next = phi i64 [%total, %iovec], [%total.more, %take]
  %k.next = add i64 %k, 1
  br label %head
done:
  %answer = insertvalue {{i64, i64}} poison, i64 %found, 0
  %both = insertvalue {{i64, i64}} %answer, i64 %total, 1
  ret {{i64, i64}} %both
none:
  ret {{i64, i64}} zeroinitializer
}}
"""


def gather() -> str:
    """Lines that define %buffers of the iovecs %iovs, %found, how many, and %total, the bytes in all; or go to Python:
    where a buffer is outside, where there are too many, where nothing is to be moved.
    """
    return f"""
  %gathered = call {{i64, i64}} @jormun_wasi_buffers(ptr %base, i64 %size, i32 %iovs, i32 %count, ptr %buffers)
  %found = extractvalue {{i64, i64}} %gathered, 0
  %total = extractvalue {{i64, i64}} %gathered, 1
  ; None found is one less than none, as unsigned numbers are: far too much.
  %total.less = sub i64 %total, 1
  %is.moved = icmp ult i64 %total.less, {TRANSFER_BYTES}
  br i1 %is.moved, label %gathered.all, label %python
gathered.all:
"""


def first_or_all(one: int, many: int) -> str:
    """Lines that define %number, the system call for one buffer or for several, and %from and %length, what it gets."""
    return f"""
  %is.one = icmp eq i64 %found, 1
  %first = load ptr, ptr %buffers
  %first.bytes.at = getelementptr i8, ptr %buffers, i64 8
  %first.bytes = load i64, ptr %first.bytes.at
  %number = select i1 %is.one, i64 {one}, i64 {many}
  %from = select i1 %is.one, ptr %first, ptr %buffers
  %length = select i1 %is.one, i64 %first.bytes, i64 %found
"""


def answer_count(value: str) -> str:
    """Lines that write a count (i64, which fits 32 bits) to %place, and end the call."""
    return f"""
  %count.32 = trunc i64 {value} to i32
  store i32 %count.32, ptr %place, align 1
  br label %done
{done()}
"""
