"""`keep`: holds a value alive through LLVM's optimizer at next to no cost in machine code.

LLVM drops a load whose result is unused, and a volatile load keeps a loop from being vectorised. A call of `keep` on
the result is a third way. It is declared to have an effect on memory that the program cannot see: so it must happen,
and yet stands in the way of nothing. LLVM's vectoriser takes calls of functions that have vector forms, which are
declared beside it (LLVM's "vector-function-abi-variant"), so a loop with a call of it vectorises.

When the optimizer is done, most calls have become needless: a value that its own block uses for something that has an
effect is not going away. `prune` removes those calls. For the others `definitions` is linked in and inlined: an empty
piece of assembly that takes the value in registers.
"""

from __future__ import annotations

import re
from functools import cache

from jormun.llvm.convention import VECTOR

_BITS = {"i8": 8, "i16": 16, "i32": 32, "i64": 64, "float": 32, "double": 64}
_WIDTHS = (2, 4, 8, 16, 32, 64)
_SMALLEST_REGISTER = 128


_HARMLESS = "nounwind willreturn memory(inaccessiblemem: readwrite)"
"""A call has an effect, so it must happen, but on memory that nothing else reads or writes."""
_NAMES = {VECTOR: "jormun_keep_v128"} | {type: f"jormun_keep_{type}" for type in _BITS}
_GROUPS = {type: f"#{100 + k}" for k, type in enumerate(_NAMES)}
"""The attribute group of calls for a type; modules must not use these numbers otherwise."""


def keep(type: str, value: str) -> str:
    """The line that keeps `value` alive; `type` is a number's, i8, i16 or <16 x i8>."""
    return f"call {type} @{_NAMES[type]}({type} {value}) {_GROUPS[type]}"


def _attributes(type: str) -> str:
    """What LLVM is told of calls for a type: for a number, which functions are their vector forms."""
    if type == VECTOR:
        return _HARMLESS
    name = _NAMES[type]
    variants = ",".join(f"_ZGV_LLVM_N{width}v_{name}({name}_{width})" for width in _WIDTHS)
    return f'{_HARMLESS} "vector-function-abi-variant"="{variants}"'


def _forms() -> list[tuple[str, str, int, str]]:
    """Element type, type, lanes (0 for a number) and name of each form of `keep`."""
    forms = [("i8", VECTOR, 16, _NAMES[VECTOR])]
    for type in _BITS:
        forms.append((type, type, 0, _NAMES[type]))
        forms += [(type, f"<{width} x {type}>", width, f"{_NAMES[type]}_{width}") for width in _WIDTHS]
    return forms


def is_called(text: str) -> bool:
    """Whether LLVM text calls `keep`."""
    return _ANY_CALL.search(text) is not None


_ANY_CALL = re.compile(r"call [^\n]*@jormun_keep_")
_CALL = re.compile(r"^  (?:%\S+ = )?(?:tail )?call .*@jormun_keep_\w+\(.* (%[^\s,()]+)\)")
_USED = re.compile(r"^@llvm\.compiler\.used = .*$", re.MULTILINE)
_NAME = re.compile(r"%[-\w.$]+")
_EFFECT = re.compile(r"^  (?:(?:store|br|switch|ret) |(?:%\S+ = )?(?:tail |musttail |notail )?call (?!.*@llvm\.))")


def prune(text: str) -> str:
    """An optimized module's text without the calls of `keep` that nothing depends on any more.

    What LLVM may still do to a load, in its code generator, is to move it to the block of its only uses, or to drop it
    if there are none. Neither happens to a load on which its own block's end depends, or a store or call in the block.
    """
    blocks = text.split("\n\n")
    pruned = "\n\n".join([_pruned(block) if is_called(block) else block for block in blocks])
    return pruned if is_called(pruned) else _USED.sub("", pruned)


def _pruned(block: str) -> str:
    """One basic block, or the text between functions, without needless calls."""
    kept: list[str] = []
    needed: set[str] = set()
    for line in block.split("\n"):  # a loop of one block: the next round needs what this one hands on
        if " = phi " in line:
            needed.update(_NAME.findall(line.partition(" = phi ")[2]))
    for line in reversed(block.split("\n")):
        call = _CALL.match(line)
        if call is not None:
            if call[1] not in needed:
                kept.append(line)
            continue
        kept.append(line)
        name, is_assignment, operands = line.strip().partition(" = ")
        if not is_assignment:
            operands = name
        if _EFFECT.match(line) or name in needed:
            needed.update(_NAME.findall(operands))
    return "\n".join(reversed(kept))


@cache
def declarations() -> str:
    """What a module that calls `keep` must hold. All forms are listed as used, or LLVM would drop the vector ones."""
    lines = [f"declare {type} @{name}({type}) {_HARMLESS}" for _, type, _, name in _forms()]
    lines += [f"attributes {group} = {{ {_attributes(type)} }}" for type, group in _GROUPS.items()]
    used = ", ".join(f"ptr @{name}" for _, _, _, name in _forms())
    lines.append(f'@llvm.compiler.used = appending global [{len(_forms())} x ptr] [{used}], section "llvm.metadata"')
    return "\n".join(lines)


@cache
def definitions(register_bits: int) -> str:
    """The definitions of all forms, for a machine whose widest vector register has so many bits.

    They are there to be inlined: LLVM generates no code for what is available externally.
    """
    return "\n".join(
        f"define available_externally {type} @{name}({type} %v) alwaysinline nounwind {{\n"
        f"{_body(element, type, lanes, register_bits)}\nret {type} %v\n}}"
        for element, type, lanes, name in _forms()
    )


def _body(element: str, type: str, lanes: int, register_bits: int) -> str:
    """Empty assembly that takes %v, cut or padded to whole registers."""
    if lanes == 0:
        return _take("x" if element in ("float", "double") else "r", type, "%v")
    total = _BITS[element] * lanes
    if total < _SMALLEST_REGISTER:
        wanted = _SMALLEST_REGISTER // _BITS[element]
        mask = ", ".join(f"i32 {k}" if k < lanes else "i32 poison" for k in range(wanted))
        wide = f"<{wanted} x {element}>"
        return f"%w = shufflevector {type} %v, {type} poison, <{wanted} x i32> <{mask}>\n{_take('x', wide, '%w')}"
    if total <= register_bits:
        return _take("x", type, "%v")
    piece = register_bits // _BITS[element]
    lines = []
    for start in range(0, lanes, piece):
        mask = ", ".join(f"i32 {start + k}" for k in range(piece))
        lines.append(f"%w{start} = shufflevector {type} %v, {type} poison, <{piece} x i32> <{mask}>")
        lines.append(_take("x", f"<{piece} x {element}>", f"%w{start}"))
    return "\n".join(lines)


def _take(constraint: str, type: str, value: str) -> str:
    return f'call void asm sideeffect "", "{constraint}"({type} {value})'
