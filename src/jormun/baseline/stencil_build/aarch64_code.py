"""Machine code for aarch64 as a list of instructions, to edit: every one has 32 bits, and is told by some of them.

What is done to a stencil's: what stands for holes and constants is found, blocks that only jump are jumped to directly,
a jump to `next` at the end falls away, and others go to the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jormun.baseline.aarch64 import ADR, FRAME, JUMP, LITERAL, MOVK, MOVN, MOVZ, WIDE

END = "next"
"""Where code goes that falls through."""
_CONDITIONAL = (
    (0xFF00_0010, 0x5400_0000, 5, 19),  # b.cond
    (0x7E00_0000, 0x3400_0000, 5, 19),  # cbz, cbnz
    (0x7E00_0000, 0x3600_0000, 5, 14),  # tbz, tbnz
)
"""Mask and value of the instructions that branch under a condition, and where in them the distance is."""


@dataclass(slots=True, eq=False)
class Instruction:
    """An instruction with nothing in the field that `target` or `symbol` is for.

    `target` is where it branches to, None for the end of the code; `symbol` is what else the field is to be filled
    with: a hole, a constant, or code outside.
    """

    word: int
    target: Instruction | None = None
    symbol: str = ""
    is_branch: bool = False
    """Whether it branches inside of the code."""

    @property
    def leaves(self) -> bool:
        """Whether it is a jump out of the code, or to its end."""
        return self.word == JUMP


class CodeError(Exception):
    """A stencil that is not as they are expected to be."""


def decoded(words: Sequence[int]) -> list[Instruction]:
    """Instructions with their branches resolved. Branches to symbols have no distance in them."""
    code = [Instruction(word) for word in words]
    for k, word in enumerate(words):
        field = _field(word)
        if field is None:
            continue
        shift, bits = field
        distance = word >> shift & (1 << bits) - 1
        if not distance and word & 0xFC00_0000 == JUMP:
            continue
        distance -= (distance >> bits - 1) << bits
        code[k].word = word & ~((1 << bits) - 1 << shift)
        code[k].target = code[k + distance]
        code[k].is_branch = True
    return code


def _field(word: int) -> tuple[int, int] | None:
    """Where the distance is in an instruction that branches."""
    if word & 0xFC00_0000 == JUMP:
        return 0, 26
    return next(((shift, bits) for mask, value, shift, bits in _CONDITIONAL if word & mask == value), None)


def _inverse(word: int) -> int:
    """The instruction that branches under the opposite condition."""
    return word ^ (1 if word & 0xFF00_0000 == 0x5400_0000 else 1 << 24)


def encoded(code: Sequence[Instruction]) -> list[int]:
    """The words, with the distances of branches inside."""
    places = {id(each): k for k, each in enumerate(code)}
    words = []
    for k, each in enumerate(code):
        word = each.word
        if each.is_branch:
            shift, bits = _field(word) or (0, 0)
            distance = (len(code) if each.target is None else places[id(each.target)]) - k
            word |= (distance & (1 << bits) - 1) << shift
        words.append(word)
    return words


def improved(code: list[Instruction]) -> list[Instruction]:
    """A stencil's instructions without the jumps that are not needed. `symbol` of a jump out says where to."""
    for each in code:
        if each.leaves and each.symbol == END:
            each.symbol, each.target, each.is_branch = "", None, True
    while True:
        before = [(id(each), id(each.target), each.word) for each in code]
        _thread(code)
        code = _without_dead_code(code)
        code = _with_exits_in_line(code)
        if [(id(each), id(each.target), each.word) for each in code] == before:
            return code


def _is_jump(each: Instruction) -> bool:
    return each.word == JUMP and each.is_branch


def _thread(code: list[Instruction]) -> None:
    """Branches to jumps inside of the code go where those go."""
    for each in code:
        seen: set[int] = set()
        while each.is_branch and each.target is not None and _is_jump(each.target) and id(each.target) not in seen:
            seen.add(id(each.target))
            each.target = each.target.target


def _without_dead_code(code: list[Instruction]) -> list[Instruction]:
    """Without what follows a jump up to where a branch goes, and without jumps to what comes next."""
    targets = {id(each.target) for each in code if each.is_branch}
    out: list[Instruction] = []
    is_reachable = True
    for each in code:
        is_reachable = is_reachable or id(each) in targets
        if is_reachable:
            out.append(each)
        if each.word == JUMP:
            is_reachable = False
    afters = [*out[1:], None]
    return [
        each
        for k, each in enumerate(out)
        if not (_is_jump(each) and each.target is afters[k] and id(each) not in targets)
    ]


def _with_exits_in_line(code: list[Instruction]) -> list[Instruction]:
    """A condition under which the code is left is inverted, and jumps over a jump out right behind it.

    The reach of a jump is that of all code; that of a branch under a condition is not.
    """
    for k, each in enumerate(code):
        if each.word == JUMP or not each.is_branch:
            continue
        exit_ = each.target
        if (
            exit_ is not None
            and exit_.leaves
            and not exit_.is_branch
            and k + 1 < len(code)
            and code[k + 1] is not exit_
        ):
            skipped = Instruction(_inverse(each.word), code[k + 1], is_branch=True)
            return [*code[:k], skipped, Instruction(JUMP, symbol=exit_.symbol), *code[k + 1 :]]
        if k + 1 < len(code) and _is_jump(code[k + 1]) and exit_ is (code[k + 2] if k + 2 < len(code) else None):
            # b.cond over a jump inside of the code.
            inverted = Instruction(_inverse(each.word), code[k + 1].target, is_branch=True)
            targets = {id(other.target) for other in code if other.is_branch}
            if id(code[k + 1]) not in targets and id(each) not in targets:
                return [*code[:k], inverted, *code[k + 2 :]]
    return code


def with_offsets(code: Iterable[Instruction], offsets: dict[int, str]) -> int:
    """Have the loads and stores of slots, whose offset stands for a hole, name it. Returns how many there are."""
    count = 0
    for each in code:
        word = each.word
        if word & 0x3B00_0000 == 0x3900_0000 and word >> 5 & 31 == FRAME:
            scale = 4 if word & 0x0480_0000 == 0x0480_0000 else word >> 30
            offset = (word >> 10 & 0xFFF) << scale
            if offset not in offsets:
                raise CodeError(f"an access to a slot that is none: {word:08x}")
            each.symbol = offsets[offset]
            each.word = word & ~(0xFFF << 10)
            count += 1
    return count


def with_constants(code: list[Instruction], magic: int, hole: str) -> tuple[list[Instruction], int]:
    """The code with a load of `hole` for each two moves by which a register gets the constant `magic`, of 32 bits,
    and how many those are.
    """
    low, high = magic & 0xFFFF, magic >> 16 & 0xFFFF
    out: list[Instruction] = []
    count = 0
    for each in code:
        register = each.word & 31
        if each.word & 0x7FFF_FFE0 == MOVK | 1 << 21 | high << 5:
            for first in reversed(out):
                is_wide = first.word & WIDE != 0
                plain = first.word & 0x7FFF_FFFF
                if plain in (MOVZ | low << 5 | register, MOVN | (low ^ 0xFFFF) << 5 | register):
                    if is_wide and (plain & 0x7F80_0000 == MOVN) != (magic < 0):
                        raise CodeError(f"another constant of 64 bits than {magic}")
                    first.word = LITERAL | is_wide << 30 | register
                    first.symbol = hole
                    count += 1
                    break
                if _writes(first.word, register):
                    raise CodeError(f"half of a constant: {each.word:08x}")
            else:
                raise CodeError(f"half of a constant: {each.word:08x}")
            if id(each) in {id(other.target) for other in code}:
                raise CodeError("a branch into a constant")
            continue
        out.append(each)
    return out, count


def _writes(word: int, register: int) -> bool:
    """Whether a move writes a register."""
    return word & 0x1F80_0000 == 0x1280_0000 and word & 31 == register


def with_literals(code: list[Instruction]) -> list[Instruction]:
    """The code with a load from a distance for each load of a constant by its page."""
    out = []
    for each in code:
        word = each.word
        if word & 0x9F00_0000 == ADR | WIDE:
            continue
        if each.symbol.startswith("constant_"):
            if word & 0x3F40_0000 != 0x3D40_0000:
                raise CodeError(f"a constant that is not loaded into a vector register: {word:08x}")
            scale = 4 if word & 0x0080_0000 else word >> 30
            each.word = LITERAL | 1 << 26 | {2: 0, 3: 1, 4: 2}[scale] << 30 | word & 31
        out.append(each)
    return out


def check(code: Sequence[Instruction], variable: frozenset[str]) -> None:
    """Check that no branch passes a hole that may become several instructions. Raises CodeError."""
    places = {id(each): k for k, each in enumerate(code)}
    for k, each in enumerate(code):
        if each.is_branch:
            end = len(code) if each.target is None else places[id(each.target)]
            passed = code[k + 1 : end] if end > k else code[end : k + 1]
            if any(other.symbol in variable for other in passed):
                raise CodeError("a branch passes a hole")


def with_one_branch(code: Sequence[Instruction]) -> None:
    """A stencil has one place to fill in for a branch: where several jump to `taken`, one does it for all."""
    jumps = [each for each in code if each.symbol == "taken"]
    for each in jumps[:-1]:
        each.symbol, each.target, each.is_branch = "", jumps[-1], True
