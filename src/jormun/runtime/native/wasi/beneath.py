"""Paths in directories of the host, as machine code takes them: what is there, and what can be opened.

The kernel keeps them below the directory (openat2(2) with RESOLVE_BENEATH), as it does for Python (wasi/resolution.py),
but here to the last component. A path that is one name needs no keeping, unless it begins with a dot. The path is
copied before it is looked at, so that no thread of the guest's changes it; one that is empty, long, or has other bytes
than those of ASCII is Python's.
"""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime.native import x86_64
from jormun.runtime.native.wasi.call import ATTRIBUTES
from jormun.runtime.native.wasi.filestat import FSTAT, LINK, kind_of_stat

_PATH_BYTES: Final = 1024
"""The room for a path and a NUL."""
PATH: Final = f"  %host.path = alloca [{_PATH_BYTES} x i8]"
CLOSE: Final = 3
_FSTATAT: Final = 262
_OPENAT2: Final = 437
"""Numbers of system calls (x86-64)."""
_AT_SYMLINK_NOFOLLOW: Final = 0x100
_O_PATH, O_CLOEXEC, O_NOFOLLOW = 0x20_0000, 0x8_0000, 0x2_0000
_BENEATH: Final = 0x08 | 0x02
"""RESOLVE_BENEATH and RESOLVE_NO_MAGICLINKS."""
_HOW_BYTES: Final = 24
"""struct open_how: flags, mode, resolve; 64 bits each."""
_SLASH, _DOT = 0x2F, 0x2E
_NOT_PLAIN, _ONE, _SEVERAL = 0, 1, 2

# i32 jormun_wasi_path(from, bytes, to): copies a path, a NUL behind it: _ONE for a single name, _SEVERAL for what the
# kernel must keep below the directory, _NOT_PLAIN for what is Python's.
_COPY: Final = f"""
define internal i32 @jormun_wasi_path(ptr %from, i64 %bytes, ptr %to) {ATTRIBUTES} {{
  ; None is one less than none, as unsigned numbers are: far too many.
  %bytes.less = sub i64 %bytes, 1
  %is.fitting = icmp ult i64 %bytes.less, {_PATH_BYTES - 1}
  br i1 %is.fitting, label %head, label %no
head:
  %k = phi i64 [0, %0], [%k.next, %next]
  %slashes = phi i1 [0, %0], [%slashes.next, %next]
  %is.end = icmp eq i64 %k, %bytes
  br i1 %is.end, label %end, label %byte
byte:
  %byte.at = getelementptr i8, ptr %from, i64 %k
  %value = load volatile i8, ptr %byte.at
  %is.ascii = icmp sgt i8 %value, 0
  br i1 %is.ascii, label %next, label %no
next:
  %to.at = getelementptr i8, ptr %to, i64 %k
  store i8 %value, ptr %to.at
  %is.slash = icmp eq i8 %value, {_SLASH}
  %slashes.next = or i1 %slashes, %is.slash
  %k.next = add i64 %k, 1
  br label %head
end:
  %end.at = getelementptr i8, ptr %to, i64 %bytes
  store i8 0, ptr %end.at
  %first = load i8, ptr %to
  %is.dot = icmp eq i8 %first, {_DOT}
  %is.several = or i1 %slashes, %is.dot
  %kind = select i1 %is.several, i32 {_SEVERAL}, i32 {_ONE}
  ret i32 %kind
no:
  ret i32 {_NOT_PLAIN}
}}
"""

# i64 jormun_wasi_beneath(directory, path, flags): a descriptor of what a path leads to below a directory; negative
# where it leads elsewhere, or nowhere.
_OPEN: Final = f"""
define internal i64 @jormun_wasi_beneath(i64 %directory, ptr %path, i64 %flags) {ATTRIBUTES} {{
  %how = alloca [3 x i64]
  store i64 %flags, ptr %how
  %mode.at = getelementptr i8, ptr %how, i64 8
  store i64 0, ptr %mode.at
  %resolve.at = getelementptr i8, ptr %how, i64 16
  store i64 {_BENEATH}, ptr %resolve.at
  %file = {x86_64.SYSTEM_CALL}(
    i64 {_OPENAT2}, i64 %directory, ptr %path, ptr %how, i64 {_HOW_BYTES}, i64 0, i64 0)
  ret i64 %file
}}
"""

# i64 jormun_wasi_look(directory, path, kind, follow, stat): the attributes of what a path leads to, which is not opened
# for that (O_PATH): 0, or negative. `follow` is 1 where a link in the last place is followed, else 0.
_LOOK: Final = f"""
define internal i64 @jormun_wasi_look(i64 %directory, ptr %path, i32 %kind, i32 %follow, ptr %stat) {ATTRIBUTES} {{
  %is.one = icmp eq i32 %kind, {_ONE}
  br i1 %is.one, label %one, label %way
one:
  %failed = {x86_64.SYSTEM_CALL}(
    i64 {_FSTATAT}, i64 %directory, ptr %path, ptr %stat, i64 {_AT_SYMLINK_NOFOLLOW}, i64 0, i64 0)
  %is.failed = icmp slt i64 %failed, 0
  br i1 %is.failed, label %fail, label %there
fail:
  ret i64 %failed
there:
{kind_of_stat("%found")}
  %is.link = icmp eq i64 %found, {LINK}
  %is.following = icmp ne i32 %follow, 0
  %is.followed = and i1 %is.link, %is.following
  br i1 %is.followed, label %way, label %found.it
found.it:
  ret i64 0
way:
  %is.plain = icmp eq i32 %follow, 0
  %flags = select i1 %is.plain, i64 {_O_PATH | O_CLOEXEC | O_NOFOLLOW}, i64 {_O_PATH | O_CLOEXEC}
  %file = call i64 @jormun_wasi_beneath(i64 %directory, ptr %path, i64 %flags)
  %is.none = icmp slt i64 %file, 0
  br i1 %is.none, label %none, label %some
none:
  ret i64 %file
some:
  %told = {x86_64.SYSTEM_CALL}(i64 {FSTAT}, i64 %file, ptr %stat, i64 0, i64 0, i64 0, i64 0)
  %closed = {x86_64.SYSTEM_CALL}(i64 {CLOSE}, i64 %file, i64 0, i64 0, i64 0, i64 0, i64 0)
  ret i64 %told
}}
"""

TEXT: Final = _COPY + _OPEN + _LOOK
"""The functions of LLVM text that calls make."""


def copy_path() -> str:
    """Lines that define %host.kind, what the path of %length.64 bytes at %text is, of which %host.path is a copy then;
    or go to `leave`.
    """
    return f"""
  %host.kind = call i32 @jormun_wasi_path(ptr %text, i64 %length.64, ptr %host.path)
  %is.not.plain = icmp eq i32 %host.kind, {_NOT_PLAIN}
  br i1 %is.not.plain, label %leave, label %copied
copied:
"""
