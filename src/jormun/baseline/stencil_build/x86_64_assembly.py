"""Assembly of stencils, as LLVM prints it, made into code that falls through to what comes next (x86-64, AT&T syntax).

What is done to a stencil's lines: blocks that only jump are jumped over, a jump to `next` at the end falls away, others
go to the end, and constants become symbols.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from jormun.baseline.stencil_build.variants import MAGIC, MAGIC_SHIFT

_LABEL = re.compile(r"^([.\w]+):")
_JUMP = re.compile(r"^(j\w+)\s+(\S+)$")
_INVERSE = {
    a: b
    for pair in (
        ("je", "jne"), ("jl", "jge"), ("jg", "jle"), ("jb", "jae"), ("ja", "jbe"), ("js", "jns"), ("jp", "jnp"),
        ("jo", "jno"),
    )
    for a, b in (pair, pair[::-1])
}  # fmt: skip
_MAGIC = re.compile(rf"(?<![\w-])({MAGIC}|{MAGIC & 0xFFFF_FFFF})\b")
_MAGIC_SHIFT = re.compile(rf"\${MAGIC_SHIFT}\b")


class ConstantLost(Exception):
    """LLVM did more to a constant than to copy it."""


@dataclass(slots=True)
class Listing:
    """A printed module: lines by function, and those of constants."""

    functions: dict[str, list[str]] = field(default_factory=dict)
    constants: list[str] = field(default_factory=list)


def read(text: str) -> Listing:
    """The functions and constants of an assembly listing."""
    listing = Listing()
    lines: list[str] | None = None
    is_code = True
    for raw in text.splitlines():
        line = raw.split("#", 1)[0].strip()
        if not line:
            continue
        if line.startswith(".section"):
            is_code = ".text" in line
            if not is_code:
                listing.constants.append(line)
            continue
        if line == ".text":
            is_code = True
            continue
        label = _LABEL.match(line)
        if not is_code:
            listing.constants.append(line)
        elif label and not label[1].startswith(".L"):
            lines = listing.functions[label[1]] = []
        elif label and label[1].startswith((".Lfunc_end", ".Lfunc_begin")):
            lines = None
        elif lines is not None and (label or not line.startswith(".")):
            lines.append(f"{label[1]}:" if label else re.sub(r"\s+", " ", line))
    return listing


def improved(name: str, lines: Sequence[str]) -> list[str]:
    """A stencil's lines without the jumps that are not needed."""
    code = list(lines)
    while True:
        before = list(code)
        code = _without_dead_code(_threaded(code))
        if code == before:
            break
    jump = _JUMP.match(code[-1])
    if jump and jump[1] == "jmp" and jump[2] == "next":
        code.pop()
    elif jump and jump[1] == "jmp" and len(code) > 1:
        other = _JUMP.match(code[-2])
        if other and other[2] == "next" and other[1] in _INVERSE:
            code[-2:] = [f"{_INVERSE[other[1]]} {jump[2]}"]
    end = f".Lend_{name}"
    code = _with_one_branch(name, code, end)
    return [re.sub(r"\bnext$", end, line) for line in code] + [f"{end}:"]


def _with_one_branch(name: str, code: list[str], end: str) -> list[str]:
    """A stencil has one place to fill in for a branch: where several jump to `taken`, one does it for all."""
    if sum(line.endswith(" taken") for line in code) < 2:
        return code
    label = f".Ltaken_{name}"
    last = _JUMP.match(code[-1])
    assert last and last[2] == "taken", code
    tail = [f"{label}:", "jmp taken"]
    if last[1] != "jmp":
        tail.insert(0, f"{_INVERSE[last[1]]} {end}")
    return [line.replace(" taken", f" {label}") for line in code[:-1]] + tail


def _threaded(code: list[str]) -> list[str]:
    """Jumps to blocks that only jump go where those go."""
    goals: dict[str, str] = {}
    for k, line in enumerate(code[:-1]):
        if line.endswith(":"):
            jump = _JUMP.match(next((each for each in code[k + 1 :] if not each.endswith(":")), ""))
            if jump and jump[1] == "jmp":
                goals[line[:-1]] = jump[2]
    out = []
    for line in code:
        found = _JUMP.match(line)
        if found and found[2] in goals and goals[found[2]] != found[2]:
            line = f"{found[1]} {goals[found[2]]}"
        out.append(line)
    return out


def _without_dead_code(code: list[str]) -> list[str]:
    """Without labels that nobody names, and what follows a jump up to the next label."""
    named = {word for line in code if not line.endswith(":") for word in re.findall(r"\.L\w+", line)}
    out: list[str] = []
    is_reachable = True
    for line in code:
        if line.endswith(":"):
            if line[:-1] not in named:
                continue
            is_reachable = True
        if is_reachable:
            out.append(line)
        if line.startswith("jmp "):
            is_reachable = False
    # A jump to the label right behind it.
    return [line for line, after in zip(out, [*out[1:], ""], strict=True) if line != f"jmp {after[:-1]}" or not after]


def with_holes(lines: Iterable[str], constant: str, is_shift: bool) -> list[str]:
    """The lines with the symbol `constant` for the constant that stands for it. Raises ConstantLost."""
    out = []
    found = 0
    for line in lines:
        changed, count = (_MAGIC_SHIFT if is_shift else _MAGIC).subn(f"${constant}8" if is_shift else constant, line)
        found += count
        out.append(changed)
    if found != 1:
        raise ConstantLost
    return out
