"""Pieces of aarch64 code about objects and casts (runtime/heap_layout.py); see aarch64_pieces.py for what registers
hold.

w13 has whether a reference matches, from where that is found out to where it is used: no piece that moves values
touches it. An index has 32 bits: what is above them in its register is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

from jormun.baseline.catalogue import CLASS_NAMES, HEIGHTS
from jormun.baseline.stencil_build.aarch64_assembler import KINDS, unless, unless_null
from jormun.errors import TrapKind
from jormun.runtime import layout
from jormun.runtime.heap_layout import OBJECT_BYTES, OBJECT_LENGTH

_LOADS = {
    "i8s": "ldrsb", "i8u": "ldrb", "i16s": "ldrsh", "i16u": "ldrh", **dict.fromkeys(CLASS_NAMES, "ldr"),
}  # fmt: skip
_STORES = {"i8": "strb", "i16": "strh", **dict.fromkeys(CLASS_NAMES, "str")}
"""By what a field holds."""
_SHIFTS = {"i8": 0, "i16": 1, "i32": 2, "f32": 2, "i64": 3, "f64": 3, "v128": 4}
"""The power of two that its size is, in bytes."""


def pieces() -> Iterator[tuple[str, str]]:
    """Names of pieces, and their instructions."""
    for h in range(HEIGHTS):
        yield from _fields(h)
        yield from _elements(h)
        yield from _matches(h)
        w = f"w{h}"
        yield f"i31.new.{h}", f"add {w}, {w}, {w}; add {w}, {w}, #1"
        yield f"i31.get_s.{h}", f"asr {w}, {w}, #1"
        yield f"i31.get_u.{h}", f"lsr {w}, {w}, #1"
        yield f"matched.value.{h}", f"mov {w}, w13"
    # Fields of a new object, which is in x0: from slot hole_x to offset hole_y.
    for c, store in _STORES.items():
        scratch = _register(c, 16)
        yield f"object.init.{c}", f"ldr {scratch}, [x21, hole_x]; {store} {scratch}, [x0, hole_y]"
    yield "matched", "mov w13, w0"
    yield "matched.cast", unless_null("w13", TrapKind.CAST_FAILURE)
    yield "matched.if", "cbz w13, 1f; b taken; 1:"
    yield "matched.unless", "cbnz w13, 1f; b taken; 1:"


def _register(c: str, number: int) -> str:
    """The register of a value: that of an i32 for what is narrower."""
    return f"{KINDS.get(c, 'w')}{number}"


def _fields(h: int) -> Iterator[tuple[str, str]]:
    """A field at offset hole_x of the object at height h, which is not null; a value to set it to is above it."""
    for c, load in _LOADS.items():
        yield f"object.get.{c}.{h}", f"{load} {_register(c, h)}, [x{h}, hole_x]"
    for c, store in _STORES.items():
        yield f"object.set.{c}.{h}", f"{store} {_register(c, (h + 1) % HEIGHTS)}, [x{h}, hole_x]"


def _elements(h: int) -> Iterator[tuple[str, str]]:
    """An element of the array at height h, whose index is above it, and a value to set it to above that."""
    index, value = f"w{(h + 1) % HEIGHTS}", (h + 2) % HEIGHTS
    not_null = unless_null(f"x{h}", TrapKind.NULL_ARRAY_REFERENCE)
    yield f"array.len.{h}", f"{not_null}; ldr w{h}, [x{h}, #{OBJECT_LENGTH}]"
    yield (
        f"array.check.{h}",
        f"{not_null}; ldr w16, [x{h}, #{OBJECT_LENGTH}]; cmp {index}, w16;{unless('lo', TrapKind.ARRAY_OUT_OF_BOUNDS)}",
    )
    elements = f"add x16, x{h}, #{OBJECT_BYTES}"
    for c, load in _LOADS.items():
        yield f"array.get.{c}.{h}", f"{elements}; {load} {_register(c, h)}, {_place(index, c.rstrip('su'))}"
    for c, store in _STORES.items():
        yield f"array.set.{c}.{h}", f"{elements}; {store} {_register(c, value)}, {_place(index, c)}"


def _place(index: str, c: str) -> str:
    """The operand for an element of the array whose first is at x16."""
    return f"[x16, {index}, uxtw #{_SHIFTS[c]}]"


def _matches(h: int) -> Iterator[tuple[str, str]]:
    """Whether the reference at height h is to an object of the type whose shape's number is at hole_x of vm, or of one
    below it: those have it at hole_y of their shapes' records.

    Holes come first, since what they become may be of any length, which no branch passes (aarch64_code.check).
    """
    x = f"x{h}"
    for name, null in (("object", f"mov w13, wzr; cbz {x}, 1f"), ("null", f"cmp {x}, #0; cset w13, eq; b.eq 1f")):
        yield (
            f"matches.{name}.{h}",
            f"ldr w17, [x20, hole_x]; ldr w14, hole_y; {null}; tst {x}, #3; b.ne 1f;"
            f"ldr w16, [{x}]; cmp w16, w17; b.eq 2f;"
            f"ldr x12, [x20, #{layout.VM_SHAPES}]; add x12, x12, x14; ldr w16, [x12, w16, uxtw]; cmp w16, w17;"
            f"2:; cset w13, eq; 1:",
        )
