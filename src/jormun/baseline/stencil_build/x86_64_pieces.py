"""Pieces of x86-64 code that are about places, calls and frames, and not about what instructions mean.

AT&T syntax. %r13 has `vm`, %rbp the frame pointer, %r12 the base of memory 0; see variants.py for operands. %rax, %rcx,
%rdx, %r10, %r11 and the vector registers from %xmm5 on are nobody's between pieces. hole_x and hole_y are offsets or
constants.

A function's frame: the caller's %rbp, then below it the caller's %r13 and %r12, the address for results, one word
unused (layout.BASELINE_FRAME_BYTES), then locals and operands.
"""

from __future__ import annotations

from collections.abc import Iterator

from jormun.baseline.catalogue import CLASS_NAMES, HEIGHTS
from jormun.baseline.stencil_build import x86_64_objects
from jormun.baseline.stencil_build.machine import NULL_KINDS
from jormun.errors import TrapKind
from jormun.runtime import layout
from jormun.runtime.metering.fuel import NEVER

_R64 = ("%rsi", "%rdi", "%r8", "%r9")
_R32 = ("%esi", "%edi", "%r8d", "%r9d")
_X = ("%xmm1", "%xmm2", "%xmm3", "%xmm4")
_ARGUMENTS64 = ("%rdi", "%rsi", "%rdx", "%rcx", "%r8", "%r9")
_ARGUMENTS32 = ("%edi", "%esi", "%edx", "%ecx", "%r8d", "%r9d")
_VECTOR_ARGUMENTS = tuple(f"%xmm{k}" for k in range(8))
_MOVES = {"i32": "movl", "i64": "movq", "f32": "movss", "f64": "movsd", "v128": "movups"}
_RESULTS = -24
"""Where, from the frame pointer, the address for results is."""
_LEAVE = "movq -8(%rbp), %r13; movq -16(%rbp), %r12; leave"
_CODE_TABLE = f"movq {layout.VM_CODE_TABLE}(%r13), %rax"
_SERVICES = f"movq {layout.VM_SERVICES}(%r13), %rax"
_FUNCTION_VM = f"movq {layout.FUNCTION_VM}(%rax), %rdi"
"""The instance of the function whose record is in %rax, as the callee's first argument."""


def _register(c: str, height: int) -> str:
    if c == "i32":
        return _R32[height]
    return _R64[height] if c == "i64" else _X[height]


def pieces() -> Iterator[tuple[str, str]]:
    """Names of pieces, and their instructions, separated by semicolons."""
    yield from _places()
    yield from _constants()
    yield from _state()
    yield from _arguments()
    yield from _calls()
    yield from _control()
    yield from _fuel()
    yield from _exceptions()
    yield from x86_64_objects.pieces()


def _places() -> Iterator[tuple[str, str]]:
    """Between registers and slots (of the frame, of the instance, behind a pointer in it)."""
    for c in CLASS_NAMES:
        move = _MOVES[c]
        for h in range(HEIGHTS):
            r = _register(c, h)
            yield f"get.{c}.{h}", f"{move} hole_x(%rbp), {r}"
            yield f"put.{c}.{h}", f"{move} {r}, hole_x(%rbp)"
            yield f"vm.get.{c}.{h}", f"{move} hole_x(%r13), {r}"
            yield f"vm.put.{c}.{h}", f"{move} {r}, hole_x(%r13)"
            yield f"vm.get.indirect.{c}.{h}", f"movq hole_x(%r13), %rax; {move} (%rax), {r}"
            yield f"vm.put.indirect.{c}.{h}", f"movq hole_x(%r13), %rax; {move} {r}, (%rax)"
        scratch = {"i32": "%eax", "i64": "%rax"}.get(c, "%xmm0")
        yield f"copy.{c}", f"{move} hole_x(%rbp), {scratch}; {move} {scratch}, hole_y(%rbp)"
        # What a call returns, and what the function does: the scratch register is that of results.
        whole = move if c in ("i32", "i64") else "movaps"
        for h in range(HEIGHTS):
            yield f"result.{c}.{h}", f"{whole} {scratch}, {_register(c, h)}"
        yield f"give.{c}", f"{move} hole_x(%rbp), {scratch}"
        for h in range(HEIGHTS):
            yield f"give.{c}.{h}", f"{whole} {_register(c, h)}, {scratch}"
        yield (
            f"give.buffer.{c}",
            _joined(f"{move} hole_x(%rbp), {scratch}; movq {_RESULTS}(%rbp), %rcx", f"{move} {scratch}, hole_y(%rcx)"),
        )


def _constants() -> Iterator[tuple[str, str]]:
    for h in range(HEIGHTS):
        yield f"const.i32.{h}", f"movl $hole_x, {_R32[h]}"
        yield f"const.i64.{h}", f"movq $hole_x, {_R64[h]}"
        yield f"const.wide.i64.{h}", f"movabsq $hole_x64, {_R64[h]}"
        yield f"const.f32.{h}", f"movl $hole_x, %eax; movd %eax, {_X[h]}"
        yield f"const.f64.{h}", f"movabsq $hole_x64, %rax; movq %rax, {_X[h]}"
        yield f"const.zero.{h}", f"xorps {_X[h]}, {_X[h]}"
        yield f"const.v128.{h}", f"movups pool_0(%rip), {_X[h]}"
    yield "const.put.i32", "movl $hole_x, hole_y(%rbp)"
    yield "const.put.i64", "movq $hole_x, hole_y(%rbp)"
    yield "give.const.i32", "movl $hole_x, %eax"
    yield "give.const.i64", "movq $hole_x, %rax"
    yield "zero.i64", "movq $0, hole_x(%rbp)"
    # From hole_y words on upward, from offset hole_x.
    yield "zero.many", "leaq hole_x(%rbp), %rdi; movl $hole_y, %ecx; xorl %eax, %eax; rep stosq"


def _state() -> Iterator[tuple[str, str]]:
    for h in range(HEIGHTS):
        yield f"ref.own.{h}", f"leaq hole_x(%r13), {_R64[h]}"
        size = f"movq hole_x(%r13), %rax; movq {layout.MEMORY_SIZE_BYTES}(%rax), {_R64[h]}"
        yield f"memory.size.16.{h}", f"{size}; shrq $16, {_R64[h]}"
        yield f"memory.size.0.{h}", size
        yield f"table.size.{h}", f"movq hole_x(%r13), %rax; movq {layout.TABLE_SIZE}(%rax), {_R64[h]}"
    yield "vm.zero", "movq $0, hole_x(%r13)"
    for h in range(HEIGHTS):
        yield from _checks(_R64[h], h)
        x, y, condition = _R64[h], _R64[(h + 1) % HEIGHTS], _R32[(h + 2) % HEIGHTS]
        x32, y32 = _R32[h], _R32[(h + 1) % HEIGHTS]
        test = f"testl {condition}, {condition}"
        yield f"select.i32.R.{h}", f"{test}; cmovel {y32}, {x32}"
        yield f"select.i32.S.{h}", f"{test}; cmovel hole_y(%rbp), {x32}"
        yield f"select.i64.R.{h}", f"{test}; cmoveq {y}, {x}"
        yield f"select.i64.S.{h}", f"{test}; cmoveq hole_y(%rbp), {x}"
        for c in ("f32", "f64", "v128"):
            yield f"select.{c}.R.{h}", f"{test}; jne 1f; movaps {_X[(h + 1) % HEIGHTS]}, {_X[h]}; 1:"
            yield f"select.{c}.S.{h}", f"{test}; jne 1f; {_MOVES[c]} hole_y(%rbp), {_X[h]}; 1:"
    # shuffle: the bytes of two vectors by two masks, whose other indices have their highest bit set.
    for h in range(HEIGHTS):
        x, y = _X[h], _X[(h + 1) % HEIGHTS]
        yield (
            f"shuffle.{h}",
            _joined(
                "movups pool_0(%rip), %xmm0; movups pool_1(%rip), %xmm5",
                f"pshufb %xmm0, {x}; pshufb %xmm5, {y}; por {y}, {x}",
            ),
        )


def _checks(r: str, h: int) -> Iterator[tuple[str, str]]:
    """What traps, of a register that has an address, an index or a reference."""
    # An address, with what is added to it for the last byte of the access; hole_x is where the memory's record is.
    yield (
        f"bounds.{h}",
        _joined(
            f"movq hole_x(%r13), %rax; movq {layout.MEMORY_SIZE_BYTES}(%rax), %rcx",
            f"movabsq $hole_y64, %rdx; subq %rdx, %rcx; jb {_trap(TrapKind.MEMORY_OUT_OF_BOUNDS)}",
            f"cmpq %rcx, {r}; ja {_trap(TrapKind.MEMORY_OUT_OF_BOUNDS)}",
        ),
    )
    yield f"rebase.{h}", f"movq hole_x(%r13), %rax; addq {layout.MEMORY_BASE}(%rax), {r}; subq %r12, {r}"
    yield f"add.{h}", f"movabsq $hole_x64, %rax; addq %rax, {r}"
    for size_bytes in (4, 8):
        yield (
            f"aligned.{size_bytes}.{h}",
            _joined(
                f"movq {r}, %rax; addq $hole_x, %rax",
                f"testb ${size_bytes - 1}, %al; jne {_trap(TrapKind.UNALIGNED_ATOMIC)}",
            ),
        )
    yield f"table.get.{h}", f"{_elements(r, TrapKind.TABLE_OUT_OF_BOUNDS)}; movq (%rax,{r},8), {r}"
    next_r = _R64[(h + 1) % HEIGHTS]
    yield f"table.set.{h}", f"{_elements(r, TrapKind.TABLE_OUT_OF_BOUNDS)}; movq {next_r}, (%rax,{r},8)"
    yield (
        f"element.{h}",
        _joined(
            _elements(r, TrapKind.UNDEFINED_ELEMENT),
            f"movq (%rax,{r},8), {r}; testq {r}, {r}; je {_trap(TrapKind.UNINITIALIZED_ELEMENT)}",
        ),
    )
    # The type of the function record that a register points to.
    yield (
        f"type.{h}",
        _joined(
            f"movq {layout.FUNCTION_TYPE_ID}({r}), %rax",
            f"cmpq hole_y(%r13), %rax; jne {_trap(TrapKind.INDIRECT_CALL_TYPE_MISMATCH)}",
        ),
    )
    for kind in NULL_KINDS:
        yield f"non_null.{kind.value}.{h}", f"testq {r}, {r}; je {_trap(kind)}"


def _elements(r: str, kind: TrapKind) -> str:
    """Check that `r` is an index of the table whose record is in field hole_x of vm; then %rax has its elements."""
    return _joined(
        f"movq hole_x(%r13), %rax; cmpq {layout.TABLE_SIZE}(%rax), {r}; jae {_trap(kind)}",
        f"movq {layout.TABLE_ELEMENTS}(%rax), %rax",
    )


def _arguments() -> Iterator[tuple[str, str]]:
    """Into the registers and the overflow area, for calls; from them, at a function's entry."""
    for k, (wide, narrow) in enumerate(zip(_ARGUMENTS64, _ARGUMENTS32, strict=True)):
        if k == 0:
            continue
        yield f"pass.i32.{k}", f"movl hole_x(%rbp), {narrow}"
        yield f"pass.i64.{k}", f"movq hole_x(%rbp), {wide}"
        yield f"pass.const.i32.{k}", f"movl $hole_x, {narrow}"
        yield f"pass.const.i64.{k}", f"movq $hole_x, {wide}"
        yield f"pass.vm.{k}", f"movq hole_x(%r13), {wide}"
        yield f"pass.address.{k}", f"leaq hole_x(%rbp), {wide}"
        yield f"take.i32.{k}", f"movl {narrow}, hole_x(%rbp)"
        yield f"take.i64.{k}", f"movq {wide}, hole_x(%rbp)"
    yield "pass.results", f"movq {_RESULTS}(%rbp), %rsi"
    yield "take.results", f"movq %rsi, {_RESULTS}(%rbp)"
    for c in ("f32", "f64", "v128"):
        for k, r in enumerate(_VECTOR_ARGUMENTS):
            yield f"pass.{c}.{k}", f"{_MOVES[c]} hole_x(%rbp), {r}"
            yield f"take.{c}.{k}", f"{_MOVES[c]} {r}, hole_x(%rbp)"
    yield "area", f"movq %rsp, %r11; andq ${-layout.STACK_BLOCK_BYTES}, %r11"
    for c in CLASS_NAMES:
        # hole_y counts from the block's start.
        scratch = {"i32": "%eax", "i64": "%rax"}.get(c, "%xmm8")
        yield f"pass.area.{c}", f"{_MOVES[c]} hole_x(%rbp), {scratch}; {_MOVES[c]} {scratch}, hole_y(%r11)"
        yield f"take.area.{c}", f"{_MOVES[c]} hole_y(%r11), {scratch}; {_MOVES[c]} {scratch}, hole_x(%rbp)"


def _calls() -> Iterator[tuple[str, str]]:
    yield "call.own", f"movq %r13, %rdi; {_CODE_TABLE}; callq *hole_x(%rax)"
    yield "tail.own", f"movq %r13, %rdi; {_CODE_TABLE}; movq hole_x(%rax), %rax; {_LEAVE}; jmpq *%rax"
    # Where a function's record is known from: a field of vm, or a slot.
    for name, base in (("imported", "%r13"), ("record", "%rbp")):
        record = f"movq hole_x({base}), %rax; {_FUNCTION_VM}"
        yield f"call.{name}", f"{record}; callq *{layout.FUNCTION_CODE}(%rax)"
        yield f"tail.{name}", f"{record}; movq {layout.FUNCTION_CODE}(%rax), %rax; {_LEAVE}; jmpq *%rax"
    yield "call.service", f"movq %r13, %rdi; {_SERVICES}; callq *hole_x(%rax)"
    # The same for services that take a field of vm first.
    yield "call.service.field", f"movq hole_y(%r13), %rdi; {_SERVICES}; callq *hole_x(%rax)"
    # A type that may have subtypes: the record is in slot hole_x, what is expected at hole_y of vm.
    is_subtype = layout.service_offset("jormun_is_subtype")
    yield (
        "is_subtype",
        _joined(
            f"movq hole_x(%rbp), %rdi; movq {layout.FUNCTION_TYPE_ID}(%rdi), %rdi",
            "movq hole_y(%r13), %rsi; cmpq %rsi, %rdi; je 1f",
            f"{_SERVICES}; callq *{is_subtype}(%rax); testl %eax, %eax",
            f"je {_trap(TrapKind.INDIRECT_CALL_TYPE_MISMATCH)}; 1:",
        ),
    )


def _control() -> Iterator[tuple[str, str]]:
    yield "enter", "pushq %rbp; movq %rsp, %rbp; pushq %r13; pushq %r12; movq %rdi, %r13"
    yield "frame", "subq $hole_x, %rsp"
    yield "memory", "movq hole_x(%r13), %r12"
    # Before a frame is made that the guard might not cover: is there room for it?
    yield (
        "probe",
        _joined(
            f"movq %rsp, %rax; andq ${layout.STACK_BLOCK_BYTES - 1}, %rax; cmpq $hole_x, %rax",
            f"jb {_trap(TrapKind.STACK_EXHAUSTED)}",
        ),
    )
    yield "leave", f"{_LEAVE}; retq"
    yield "jump", "jmp taken"
    for h in range(HEIGHTS):
        yield f"if.{h}", f"testl {_R32[h]}, {_R32[h]}; jne taken"
        yield f"unless.{h}", f"testl {_R32[h]}, {_R32[h]}; je taken"
        yield f"if.i64.{h}", f"testq {_R64[h]}, {_R64[h]}; jne taken"
        yield f"unless.i64.{h}", f"testq {_R64[h]}, {_R64[h]}; je taken"
    yield "if.slot", "cmpl $0, hole_x(%rbp); jne taken"
    yield "unless.slot", "cmpl $0, hole_x(%rbp); je taken"
    # The index is in slot hole_x; hole_y labels before the last, whose distances are in the pool.
    yield (
        "switch",
        _joined(
            "movl hole_x(%rbp), %eax; movl $hole_y, %ecx; cmpl %ecx, %eax; cmovael %ecx, %eax",
            "leaq pool_0(%rip), %rcx; movslq (%rcx,%rax,4), %rax; addq %rcx, %rax; jmpq *%rax",
        ),
    )
    yield "trap", f"movl $hole_x, %edi; {_SERVICES}; callq *{layout.service_offset('jormun_trap')}(%rax)"
    yield "count", f"movq {layout.VM_COUNTERS}(%r13), %rax; subl $hole_y, hole_x(%rax); js taken"
    # A counter is used up: hole_x is the function's index; at a loop, hole_y is which, and there may be code to go on.
    tier_up = layout.service_offset("jormun_tier_up")
    ask = f"movq %r13, %rdi; movl $hole_x, %esi; movl $hole_y, %edx; {_SERVICES}; callq *{tier_up}(%rax)"
    yield "tier_up.entry", f"{ask}; jmp taken"
    yield (
        "tier_up.loop",
        _joined(
            f"{ask}; testq %rax, %rax; je taken",
            f"movq %r13, %rdi; movq %rbp, %rsi; movq {_RESULTS}(%rbp), %rdx; callq *%rax; {_LEAVE}; retq",
        ),
    )


def _fuel() -> Iterator[tuple[str, str]]:
    """Charges, and asking for more where too little is left: `jormun_fuel` keeps all registers but %rax."""
    cell = f"movq {layout.VM_FUEL}(%r13), %rax"
    ask = f"movq %r13, %rdi; {_SERVICES}; callq *{layout.service_offset('jormun_fuel')}(%rax)"
    yield "fuel.later", f"{cell}; subq $hole_x, (%rax)"
    yield "fuel", f"{cell}; subq $hole_x, (%rax); js taken"
    yield (
        "fuel.unpaid",
        _joined(
            "pushq %rdi; pushq %rsi; movl $hole_x, %edx",
            f"{cell}; movq (%rax), %rsi",
            f"{ask}; popq %rsi; popq %rdi; jmp taken",
        ),
    )
    # By size: %rdx units of 2 to the power of hole_y bytes. jormun_fuel is then given %rdx as it is.
    yield "fuel.size.i32", "movl hole_x(%rbp), %edx"
    yield "fuel.size.i64", "movq hole_x(%rbp), %rdx"
    yield "fuel.const.i32", "movl $hole_x, %edx"
    yield "fuel.const.i64", "movq $hole_x, %rdx"
    take = f"{cell}; movq (%rax), %rcx; subq %rdx, %rcx; js taken; movq %rcx, (%rax)"
    yield "fuel.units", f"shrq $hole_y8, %rdx; {take}"
    # By rounds of a loop: see runtime/metering/rounds.py. %ecx is not 0 where the loop never ends.
    yield "fuel.distance", "subl hole_x(%rbp), %edx"
    yield "fuel.shift", "movl %edx, %ecx; andl $hole_x, %ecx; shrl $hole_y8, %edx"
    yield "fuel.rounds", "imull $hole_x, %edx, %edx; decl %edx; andl $hole_y, %edx; incq %rdx"
    endless = f"testl %ecx, %ecx; je 1f; movabsq ${NEVER}, %rdx; 1:"
    yield "fuel.all", f"imulq $hole_x, %rdx, %rdx; {endless}; {take}"
    yield "fuel.units.unpaid", f"movq (%rax), %rsi; subq %rdx, %rsi; {ask}; jmp taken"


def _exceptions() -> Iterator[tuple[str, str]]:
    """Calls inside of a `try_table` (runtime/native/exceptions.py), and what becomes of the exception, whose address is
    in %rdx from the branch on.
    """
    via = f"{_SERVICES}; callq *{layout.service_offset('jormun_try')}(%rax); testq %rdx, %rdx; jne taken"
    yield "try.own", f"movq %r13, %rdi; {_CODE_TABLE}; movq hole_x(%rax), %r10; {via}"
    for name, base in (("imported", "%r13"), ("record", "%rbp")):
        code = f"movq {layout.FUNCTION_CODE}(%rax), %r10"
        yield f"try.{name}", f"movq hole_x({base}), %rax; {_FUNCTION_VM}; {code}; {via}"
    yield "exception.new", "movq %rax, %rdx"
    for h in range(HEIGHTS):
        yield f"exception.{h}", f"movq {_R64[h]}, %rdx"
    # On if its tag is not that in field hole_x of vm.
    yield "exception.other", f"movq hole_x(%r13), %rax; cmpq {layout.EXCEPTION_TAG}(%rdx), %rax; jne taken"
    for c in CLASS_NAMES:
        scratch = {"i32": "%eax", "i64": "%rax"}.get(c, "%xmm0")
        yield f"exception.get.{c}", f"{_MOVES[c]} hole_x(%rdx), {scratch}; {_MOVES[c]} {scratch}, hole_y(%rbp)"
    yield "exception.put", "movq %rdx, hole_x(%rbp)"
    yield "exception.raise", f"movq %rdx, %rdi; {_SERVICES}; callq *{layout.service_offset('jormun_raise')}(%rax)"


def _joined(*lines: str) -> str:
    """One sequence of instructions, of several."""
    return "; ".join(lines)


def _trap(kind: TrapKind) -> str:
    """The label of what traps."""
    return f"trap_{kind.value}"
