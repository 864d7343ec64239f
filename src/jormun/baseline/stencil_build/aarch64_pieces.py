"""Pieces of aarch64 code that are about places, frames and control, and not about what instructions mean.

x20 has `vm`, x29 the frame pointer, x21 the same less FRAME_BIAS, x22 the base of memory 0; operands are in x0 to x3
and v0 to v3. x8 to x17 and v16 to v31 are nobody's between pieces, but that x17 has the overflow area from `area` on;
x15 is taken by constants and offsets that do not fit (baseline/aarch64.py). hole_x and hole_y are offsets or constants.

A function's frame: the caller's x29 and the return address, then below them the caller's x20, its x22, the address for
results, the caller's x21 (layout.BASELINE_FRAME_BYTES), then locals and operands.
"""

from __future__ import annotations

from collections.abc import Iterator

from jormun.baseline.aarch64 import FRAME_BIAS
from jormun.baseline.catalogue import CLASS_NAMES, HEIGHTS
from jormun.baseline.stencil_build import aarch64_calls, aarch64_objects
from jormun.baseline.stencil_build.aarch64_assembler import KINDS, assembled, unless, unless_null
from jormun.baseline.stencil_build.aarch64_calls import LEAVE, RESULTS, service
from jormun.baseline.stencil_build.aarch64_code import Instruction
from jormun.baseline.stencil_build.machine import NULL_KINDS
from jormun.errors import TrapKind
from jormun.runtime import layout
from jormun.runtime.metering.fuel import NEVER


def pieces() -> Iterator[tuple[str, list[Instruction]]]:
    """Names of pieces, and their instructions."""
    others = (aarch64_calls.pieces, aarch64_objects.pieces)
    for part in (_places, _constants, _state, _selections, _control, _fuel, *others):
        for name, text in part():
            yield name, assembled(text)


def _places() -> Iterator[tuple[str, str]]:
    """Between registers and slots (of the frame, of the instance, behind a pointer in it)."""
    for c in CLASS_NAMES:
        kind = KINDS[c]
        for h in range(HEIGHTS):
            r = f"{kind}{h}"
            yield f"get.{c}.{h}", f"ldr {r}, [x21, hole_x]"
            yield f"put.{c}.{h}", f"str {r}, [x21, hole_x]"
            yield f"vm.get.{c}.{h}", f"ldr {r}, [x20, hole_x]"
            yield f"vm.put.{c}.{h}", f"str {r}, [x20, hole_x]"
            yield f"vm.get.indirect.{c}.{h}", f"ldr x16, [x20, hole_x]; ldr {r}, [x16]"
            yield f"vm.put.indirect.{c}.{h}", f"ldr x16, [x20, hole_x]; str {r}, [x16]"
            # What a call returns, and what the function does, is in register 0.
            yield f"result.{c}.{h}", _moved(c, 0, h)
            yield f"give.{c}.{h}", _moved(c, h, 0)
        yield f"copy.{c}", f"ldr {kind}16, [x21, hole_x]; str {kind}16, [x21, hole_y]"
        yield f"give.{c}", f"ldr {kind}0, [x21, hole_x]"
        yield f"give.buffer.{c}", f"ldr {kind}16, [x21, hole_x]; ldr x17, {RESULTS}; str {kind}16, [x17, hole_y]"


def _moved(c: str, source: int, target: int) -> str:
    if source == target:
        return ""
    if c in ("i32", "i64"):
        return f"mov {KINDS[c]}{target}, {KINDS[c]}{source}"
    return f"mov v{target}.16b, v{source}.16b"


def _constants() -> Iterator[tuple[str, str]]:
    for h in range(HEIGHTS):
        yield f"const.i32.{h}", f"ldr w{h}, hole_x"
        yield f"const.i64.{h}", f"ldr x{h}, hole_x"
        yield f"const.wide.i64.{h}", f"ldr x{h}, hole_x"
        yield f"const.f32.{h}", f"ldr w16, hole_x; fmov s{h}, w16"
        yield f"const.f64.{h}", f"ldr x16, hole_x; fmov d{h}, x16"
        yield f"const.zero.{h}", f"movi v{h}.2d, #0"
        yield f"const.v128.{h}", f"ldr q{h}, pool_0"
    yield "const.put.i32", "ldr w16, hole_x; str w16, [x21, hole_y]"
    yield "const.put.i64", "ldr x16, hole_x; str x16, [x21, hole_y]"
    yield "give.const.i32", "ldr w0, hole_x"
    yield "give.const.i64", "ldr x0, hole_x"
    yield "zero.i64", "str xzr, [x21, hole_x]"
    # From hole_y words on upward, from offset hole_x.
    yield "zero.many", "add x16, x21, hole_x; ldr w17, hole_y; 1:; str xzr, [x16], #8; subs w17, w17, #1; b.ne 1b"


def _state() -> Iterator[tuple[str, str]]:
    for h in range(HEIGHTS):
        x, y = f"x{h}", f"x{(h + 1) % HEIGHTS}"
        yield f"ref.own.{h}", f"add {x}, x20, hole_x"
        size = f"ldr x16, [x20, hole_x]; ldr {x}, [x16, #{layout.MEMORY_SIZE_BYTES}]"
        yield f"memory.size.16.{h}", f"{size}; lsr {x}, {x}, #16"
        yield f"memory.size.0.{h}", size
        yield f"table.size.{h}", f"ldr x16, [x20, hole_x]; ldr {x}, [x16, #{layout.TABLE_SIZE}]"
        # An address, with what is added to it for the last byte of the access; hole_x is where the memory's record is.
        end = f"ldr x16, [x20, hole_x]; ldr x17, [x16, #{layout.MEMORY_SIZE_BYTES}]; ldr x14, hole_y"
        out_of_bounds = TrapKind.MEMORY_OUT_OF_BOUNDS
        yield (
            f"bounds.{h}",
            f"{end}; subs x17, x17, x14; {unless('hs', out_of_bounds)}; cmp {x}, x17; {unless('ls', out_of_bounds)}",
        )
        base = f"ldr x16, [x20, hole_x]; ldr x16, [x16, #{layout.MEMORY_BASE}]"
        yield f"rebase.{h}", f"{base}; add {x}, {x}, x16; sub {x}, {x}, x22"
        yield f"add.{h}", f"ldr x16, hole_x; add {x}, {x}, x16"
        for size_bytes in (4, 8):
            low_bits = f"ldr x16, hole_x; add x16, x16, {x}; tst x16, #{size_bytes - 1}"
            yield f"aligned.{size_bytes}.{h}", f"{low_bits}; {unless('eq', TrapKind.UNALIGNED_ATOMIC)}"
        yield f"table.get.{h}", f"{_elements(x, TrapKind.TABLE_OUT_OF_BOUNDS)}; ldr {x}, [x16, {x}, lsl #3]"
        yield f"table.set.{h}", f"{_elements(x, TrapKind.TABLE_OUT_OF_BOUNDS)}; str {y}, [x16, {x}, lsl #3]"
        yield (
            f"element.{h}",
            f"{_elements(x, TrapKind.UNDEFINED_ELEMENT)}; ldr {x}, [x16, {x}, lsl #3];"
            f"{unless_null(x, TrapKind.UNINITIALIZED_ELEMENT)}",
        )
        # The type of the function record that a register points to.
        yield (
            f"type.{h}",
            f"ldr x16, [{x}, #{layout.FUNCTION_TYPE_ID}]; ldr x17, [x20, hole_y]; cmp x16, x17;"
            f"{unless('eq', TrapKind.INDIRECT_CALL_TYPE_MISMATCH)}",
        )
        for kind in NULL_KINDS:
            yield f"non_null.{kind.value}.{h}", unless_null(x, kind)
    yield "vm.zero", "str xzr, [x20, hole_x]"


def _elements(x: str, kind: TrapKind) -> str:
    """Check that `x` is an index of the table whose record is in field hole_x of vm; then x16 has its elements."""
    record = f"ldr x16, [x20, hole_x]; ldr x17, [x16, #{layout.TABLE_SIZE}]"
    return f"{record}; cmp {x}, x17; {unless('lo', kind)}; ldr x16, [x16, #{layout.TABLE_ELEMENTS}]"


def _selections() -> Iterator[tuple[str, str]]:
    for h in range(HEIGHTS):
        other, condition = (h + 1) % HEIGHTS, f"w{(h + 2) % HEIGHTS}"
        for c in CLASS_NAMES:
            kind = KINDS[c]
            for place, y in (("R", other), ("S", 16)):
                load = "" if place == "R" else f"ldr {kind}16, [x21, hole_y];"
                if c == "v128":
                    select = f"cbnz {condition}, 1f; mov v{h}.16b, v{y}.16b; 1:"
                else:
                    name = "csel" if c in ("i32", "i64") else "fcsel"
                    select = f"cmp {condition}, #0; {name} {kind}{h}, {kind}{h}, {kind}{y}, ne"
                yield f"select.{c}.{place}.{h}", load + select
        # shuffle: the bytes of two vectors by two masks, whose other indices are beyond all bytes.
        yield (
            f"shuffle.{h}",
            f"ldr q16, pool_0; ldr q17, pool_1; tbl v16.16b, {{v{h}.16b}}, v16.16b;"
            f"tbl v17.16b, {{v{other}.16b}}, v17.16b; orr v{h}.16b, v16.16b, v17.16b",
        )


def _control() -> Iterator[tuple[str, str]]:
    saved = "stp x22, x20, [x29, #-16]; stp x21, xzr, [x29, #-32]"
    yield (
        "enter",
        f"stp x29, x30, [sp, #-16]!; mov x29, sp; sub sp, sp, #{layout.BASELINE_FRAME_BYTES}; {saved};"
        f"mov x20, x0; sub x21, x29, #{FRAME_BIAS}",
    )
    yield "frame", "late; sub sp, sp, x15"
    yield "memory", "ldr x22, [x20, hole_x]"
    # Before a frame is made that the guard might not cover: is there room for it?
    room = f"mov x16, sp; and x16, x16, #{layout.STACK_BLOCK_BYTES - 1}"
    yield "probe", f"{room}; late; cmp x16, x15; {unless('hs', TrapKind.STACK_EXHAUSTED)}"
    yield "leave", f"{LEAVE}; ret"
    yield "jump", "b taken"
    for h in range(HEIGHTS):
        for infix, x in (("", f"w{h}"), (".i64", f"x{h}")):
            yield f"if{infix}.{h}", f"cbz {x}, 1f; b taken; 1:"
            yield f"unless{infix}.{h}", f"cbnz {x}, 1f; b taken; 1:"
    yield "if.slot", "ldr w16, [x21, hole_x]; cbz w16, 1f; b taken; 1:"
    yield "unless.slot", "ldr w16, [x21, hole_x]; cbnz w16, 1f; b taken; 1:"
    # The index is in slot hole_x; hole_y labels before the last, whose distances are in the pool.
    yield (
        "switch",
        "ldr w16, [x21, hole_x]; ldr w17, hole_y; cmp w16, w17; csel w16, w16, w17, lo;"
        "adr x17, pool_0; ldrsw x16, [x17, w16, uxtw #2]; add x16, x17, x16; br x16",
    )
    yield "trap", f"ldr w0, hole_x; {service('jormun_trap')}"
    counter = f"ldr x16, [x20, #{layout.VM_COUNTERS}]; add x16, x16, hole_x; ldr w17, [x16]"
    yield "count", f"{counter}; ldr w14, hole_y; subs w17, w17, w14; str w17, [x16]; b.pl 1f; b taken; 1:"
    # A counter is used up: hole_x is the function's index; at a loop, hole_y is which, and there may be code to go on.
    ask = f"mov x0, x20; ldr w1, hole_x; ldr w2, hole_y; {service('jormun_tier_up')}"
    yield "tier_up.entry", f"{ask}; b taken"
    yield (
        "tier_up.loop",
        f"{ask}; cbnz x0, 1f; b taken; 1:; mov x16, x0; mov x0, x20; mov x1, x29; ldr x2, {RESULTS}; blr x16;"
        f"{LEAVE}; ret",
    )


def _fuel() -> Iterator[tuple[str, str]]:
    """Charges, and asking for more where too little is left: `jormun_fuel` keeps all registers but x0, x16, x17, x30.

    From `fuel.size`, `fuel.const` on x17 has what is asked for.
    """
    cell = f"ldr x16, [x20, #{layout.VM_FUEL}]"
    less = f"{cell}; ldr x14, [x16]; ldr w17, hole_x; subs x14, x14, x17; str x14, [x16]"
    yield "fuel.later", less
    yield "fuel", f"{less}; b.pl 1f; b taken; 1:"
    yield (
        "fuel.unpaid",
        f"stp x0, x1, [sp, #-32]!; str x2, [sp, #16]; mov x0, x20; ldr w2, hole_x;"
        f"{cell}; ldr x1, [x16]; {service('jormun_fuel')};"
        "ldr x2, [sp, #16]; ldp x0, x1, [sp], #32; b taken",
    )
    # By size: x17 units of 2 to the power of hole_y bytes. jormun_fuel is then given x17 as it is.
    yield "fuel.size.i32", "ldr w17, [x21, hole_x]"
    yield "fuel.size.i64", "ldr x17, [x21, hole_x]"
    yield "fuel.const.i32", "ldr w17, hole_x"
    yield "fuel.const.i64", "ldr x17, hole_x"
    take = f"{cell}; ldr x14, [x16]; subs x14, x14, x17; b.pl 1f; b taken; 1:; str x14, [x16]"
    yield "fuel.units", f"ldr w14, hole_y; lsr x17, x17, x14; {take}"
    # By rounds of a loop: see runtime/metering/rounds.py. w13 is not 0 where the loop never ends.
    yield "fuel.distance", "ldr w14, [x21, hole_x]; sub w17, w17, w14"
    yield "fuel.shift", "ldr w14, hole_x; and w13, w17, w14; ldr w14, hole_y; lsr w17, w17, w14"
    yield (
        "fuel.rounds",
        "ldr w14, hole_x; mul w17, w17, w14; sub w17, w17, #1; ldr w14, hole_y; and w17, w17, w14; add x17, x17, #1",
    )
    half, low = divmod(NEVER, 1 << 48)
    endless = f"movz x14, #{half}; add x14, x14, #{low}; cmp w13, #0"
    yield "fuel.all", f"ldr w14, hole_x; mul x17, x17, x14; {endless}; csel x17, x17, x14, eq; {take}"
    ask = f"mov x2, x17; mov x0, x20; {service('jormun_fuel')}; b taken"
    yield "fuel.units.unpaid", f"ldr x1, [x16]; sub x1, x1, x17; {ask}"
