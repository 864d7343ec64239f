"""Pieces of aarch64 code about arguments, calls and exceptions; see aarch64_pieces.py for what registers hold."""

from __future__ import annotations

from collections.abc import Iterator

from jormun.baseline.catalogue import CLASS_NAMES, HEIGHTS
from jormun.baseline.stencil_build.aarch64_assembler import KINDS
from jormun.errors import TrapKind
from jormun.runtime import layout

_VECTOR_ARGUMENTS = 8
_INTEGER_ARGUMENTS = 6
RESULTS = "[x29, #-24]"
"""Where the address for results is."""
LEAVE = "ldp x22, x20, [x29, #-16]; ldr x21, [x29, #-32]; mov sp, x29; ldp x29, x30, [sp], #16"
_SERVICES = f"ldr x16, [x20, #{layout.VM_SERVICES}]"
_FUNCTION = f"ldr x0, [x16, #{layout.FUNCTION_VM}]; ldr x17, [x16, #{layout.FUNCTION_CODE}]"
"""The instance and the code of the function whose record is in x16."""


def pieces() -> Iterator[tuple[str, str]]:
    """Names of pieces, and their instructions."""
    for part in (_arguments, _calls, _exceptions):
        yield from part()


def _arguments() -> Iterator[tuple[str, str]]:
    """Into the registers and the overflow area, for calls; from them, at a function's entry."""
    for k in range(1, _INTEGER_ARGUMENTS):
        for c in ("i32", "i64"):
            yield f"pass.{c}.{k}", f"ldr {KINDS[c]}{k}, [x21, hole_x]"
            yield f"pass.const.{c}.{k}", f"ldr {KINDS[c]}{k}, hole_x"
            yield f"take.{c}.{k}", f"str {KINDS[c]}{k}, [x21, hole_x]"
        yield f"pass.vm.{k}", f"ldr x{k}, [x20, hole_x]"
        yield f"pass.address.{k}", f"add x{k}, x21, hole_x"
    yield "pass.results", f"ldr x1, {RESULTS}"
    yield "take.results", f"str x1, {RESULTS}"
    for c in ("f32", "f64", "v128"):
        for k in range(_VECTOR_ARGUMENTS):
            yield f"pass.{c}.{k}", f"ldr {KINDS[c]}{k}, [x21, hole_x]"
            yield f"take.{c}.{k}", f"str {KINDS[c]}{k}, [x21, hole_x]"
    yield "area", f"mov x17, sp; and x17, x17, #{-layout.STACK_BLOCK_BYTES}"
    for c in CLASS_NAMES:
        # hole_y counts from the block's start.
        kind = KINDS[c]
        yield f"pass.area.{c}", f"ldr {kind}16, [x21, hole_x]; str {kind}16, [x17, hole_y]"
        yield f"take.area.{c}", f"ldr {kind}16, [x17, hole_y]; str {kind}16, [x21, hole_x]"


def _calls() -> Iterator[tuple[str, str]]:
    own = f"mov x0, x20; ldr x16, [x20, #{layout.VM_CODE_TABLE}]; ldr x17, [x16, hole_x]"
    yield "call.own", f"{own}; blr x17"
    yield "tail.own", f"{own}; {LEAVE}; br x17"
    # Where a function's record is known from: a field of vm, or a slot.
    for name, base in (("imported", "x20"), ("record", "x21")):
        record = f"ldr x16, [{base}, hole_x]; {_FUNCTION}"
        yield f"call.{name}", f"{record}; blr x17"
        yield f"tail.{name}", f"{record}; {LEAVE}; br x17"
    yield "call.service", f"mov x0, x20; {_SERVICES}; ldr x16, [x16, hole_x]; blr x16"
    # The same for services that take a field of vm first.
    yield "call.service.field", f"ldr x0, [x20, hole_y]; {_SERVICES}; ldr x16, [x16, hole_x]; blr x16"
    # A type that may have subtypes: the record is in slot hole_x, what is expected at hole_y of vm.
    yield (
        "is_subtype",
        f"ldr x0, [x21, hole_x]; ldr x0, [x0, #{layout.FUNCTION_TYPE_ID}]; ldr x1, [x20, hole_y]; cmp x0, x1; b.eq 2f;"
        f"{service('jormun_is_subtype')}; cbnz w0, 1f; b trap_{TrapKind.INDIRECT_CALL_TYPE_MISMATCH.value}; 1:; 2:",
    )


def service(name: str) -> str:
    return f"{_SERVICES}; ldr x16, [x16, #{layout.service_offset(name)}]; blr x16"


def _exceptions() -> Iterator[tuple[str, str]]:
    """Calls inside of a `try_table`: `jormun_try` is given the address to call in x15 and answers in x1 with that of an
    exception, or 0. It is in x17 from the branch on.
    """
    via = f"{service('jormun_try')}; cbz x1, 1f; mov x17, x1; b taken; 1:"
    own = f"mov x0, x20; ldr x16, [x20, #{layout.VM_CODE_TABLE}]; ldr x17, [x16, hole_x]"
    yield "try.own", f"{own}; mov x15, x17; {via}"
    for name, base in (("imported", "x20"), ("record", "x21")):
        yield f"try.{name}", f"ldr x16, [{base}, hole_x]; {_FUNCTION}; mov x15, x17; {via}"
    yield "exception.new", "mov x17, x0"
    for h in range(HEIGHTS):
        yield f"exception.{h}", f"mov x17, x{h}"
    # On if its tag is not that in field hole_x of vm.
    yield (
        "exception.other",
        f"ldr x16, [x20, hole_x]; ldr x14, [x17, #{layout.EXCEPTION_TAG}]; cmp x16, x14; b.eq 1f; b taken; 1:",
    )
    for c in CLASS_NAMES:
        kind = KINDS[c]
        yield f"exception.get.{c}", f"ldr {kind}16, [x17, hole_x]; str {kind}16, [x21, hole_y]"
    yield "exception.put", "str x17, [x21, hole_x]"
    yield "exception.raise", f"mov x0, x17; {service('jormun_raise')}"
