"""Pieces of x86-64 code about objects and casts (runtime/heap_layout.py); see x86_64_pieces.py for what registers hold.

%r11 has whether a reference matches, from where that is found out to where it is used.
"""

from __future__ import annotations

from collections.abc import Iterator

from jormun.baseline.catalogue import CLASS_NAMES, HEIGHTS
from jormun.errors import TrapKind
from jormun.runtime import layout
from jormun.runtime.heap_layout import OBJECT_BYTES, OBJECT_LENGTH

R64 = ("%rsi", "%rdi", "%r8", "%r9")
R32 = ("%esi", "%edi", "%r8d", "%r9d")
_R16 = ("%si", "%di", "%r8w", "%r9w")
_R8 = ("%sil", "%dil", "%r8b", "%r9b")
X = ("%xmm1", "%xmm2", "%xmm3", "%xmm4")
_LOADS = {"i8s": "movsbl", "i8u": "movzbl", "i16s": "movswl", "i16u": "movzwl", "i32": "movl", "i64": "movq"}
_STORES = {"i8": ("movb", _R8, "%cl"), "i16": ("movw", _R16, "%cx"), "i32": ("movl", R32, "%ecx"),
           "i64": ("movq", R64, "%rcx")}  # fmt: skip
_FLOATS = {"f32": "movss", "f64": "movsd", "v128": "movups"}
_SCALES = {"i8": 1, "i16": 2, "i32": 4, "f32": 4, "i64": 8, "f64": 8}


def pieces() -> Iterator[tuple[str, str]]:
    """Names of pieces, and their instructions, separated by semicolons."""
    for h in range(HEIGHTS):
        yield from _fields(h)
        yield from _elements(h)
        yield from _matches(h)
        r, r32 = R64[h], R32[h]
        yield f"i31.new.{h}", f"leal 1({r},{r}), {r32}"
        yield f"i31.get_s.{h}", f"sarl $1, {r32}"
        yield f"i31.get_u.{h}", f"shrl $1, {r32}"
        yield f"matched.value.{h}", f"movl %r11d, {r32}"
    # Fields of a new object, which is in %rax: from slot hole_x to offset hole_y.
    for c in ("i8", "i16", *CLASS_NAMES):
        if c in _FLOATS:
            yield f"object.init.{c}", f"{_FLOATS[c]} hole_x(%rbp), %xmm0; {_FLOATS[c]} %xmm0, hole_y(%rax)"
        else:
            move, _, scratch = _STORES[c]
            yield f"object.init.{c}", f"{move} hole_x(%rbp), {scratch}; {move} {scratch}, hole_y(%rax)"
    yield "matched", "movl %eax, %r11d"
    yield "matched.cast", f"testl %r11d, %r11d; je trap_{TrapKind.CAST_FAILURE.value}"
    yield "matched.if", "testl %r11d, %r11d; jne taken"
    yield "matched.unless", "testl %r11d, %r11d; je taken"


def _fields(h: int) -> Iterator[tuple[str, str]]:
    """A field at offset hole_x of the object at height h, which is not null; a value to set it to is above it."""
    r, above = R64[h], (h + 1) % HEIGHTS
    for c, load in _LOADS.items():
        yield f"object.get.{c}.{h}", f"{load} hole_x({r}), {r if c == 'i64' else R32[h]}"
    for c, move in _FLOATS.items():
        yield f"object.get.{c}.{h}", f"{move} hole_x({r}), {X[h]}"
        yield f"object.set.{c}.{h}", f"{move} {X[above]}, hole_x({r})"
    for c, (move, registers, _) in _STORES.items():
        yield f"object.set.{c}.{h}", f"{move} {registers[above]}, hole_x({r})"


def _elements(h: int) -> Iterator[tuple[str, str]]:
    """An element of the array at height h, whose index is above it, and a value to set it to above that."""
    index, value = (h + 1) % HEIGHTS, (h + 2) % HEIGHTS
    r, i = R64[h], R64[index]
    null, beyond = TrapKind.NULL_ARRAY_REFERENCE.value, TrapKind.ARRAY_OUT_OF_BOUNDS.value
    yield f"array.len.{h}", f"testq {r}, {r}; je trap_{null}; movl {OBJECT_LENGTH}({r}), {R32[h]}"
    yield (
        f"array.check.{h}",
        f"testq {r}, {r}; je trap_{null}; cmpl {OBJECT_LENGTH}({r}), {R32[index]}; jae trap_{beyond}",
    )
    for c, load in _LOADS.items():
        place = f"{OBJECT_BYTES}({r},{i},{_SCALES[c.rstrip('su')]})"
        yield f"array.get.{c}.{h}", f"{load} {place}, {r if c == 'i64' else R32[h]}"
    for c, move in _FLOATS.items():
        place = f"{OBJECT_BYTES}({r},{i},{_SCALES.get(c, 8)})"
        double = f"addq {i}, {i}; " if c == "v128" else ""
        yield f"array.get.{c}.{h}", f"{double}{move} {place}, {X[h]}"
        yield f"array.set.{c}.{h}", f"{double}{move} {X[value]}, {place}"
    for c, (move, registers, _) in _STORES.items():
        yield f"array.set.{c}.{h}", f"{move} {registers[value]}, {OBJECT_BYTES}({r},{i},{_SCALES[c]})"


def _matches(h: int) -> Iterator[tuple[str, str]]:
    """Whether the reference at height h is to an object of the type whose shape's number is at hole_x of vm, or of one
    below it: those have it at hole_y of their shapes' records.
    """
    r = R64[h]
    low = _R8[h]
    for name, of_null in (("object", 0), ("null", 1)):
        yield (
            f"matches.{name}.{h}",
            f"movl ${of_null}, %r11d; testq {r}, {r}; je 1f; xorl %r11d, %r11d; testb $3, {low}; jne 1f;"
            f"movl ({r}), %ecx; movl hole_x(%r13), %edx; cmpl %edx, %ecx; je 2f;"
            f"movq {layout.VM_SHAPES}(%r13), %rax; cmpl %edx, hole_y(%rax,%rcx); jne 1f; 2: movl $1, %r11d; 1:",
        )
