"""An assembler for the instructions that pieces for aarch64 are made of.

LLVM brings one for the machine that it runs on alone. The syntax is Arm's, but that operands in fields to be filled are
names: hole_x, hole_y, taken, trap_K, pool_K, and `ldr w0, hole_x` gives a register a constant. Encodings are those of
the Arm Architecture Reference Manual for A-profile (DDI 0487), C6.2 and C7.2.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from jormun.baseline.aarch64 import ADR, JUMP, LATE, LITERAL, WIDE
from jormun.baseline.stencil_build.aarch64_code import Instruction
from jormun.errors import TrapKind

KINDS = {"i32": "w", "i64": "x", "f32": "s", "f64": "d", "v128": "q"}
"""The letter of registers by class."""
_CONDITIONS = {
    name: number
    for number, name in enumerate(("eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le"))
}
_SIZES = {"w": (2, 0, 1), "x": (3, 0, 1), "s": (2, 1, 1), "d": (3, 1, 1), "q": (0, 1, 3)}
"""By the kind of a register: the size, V and opc of the load that fills it."""
_INDICES = {"uxtw": 2, "lsl": 3}
"""How an index is extended: one of 32 bits, one of 64."""
_NAMED = {"sp": 31, "xzr": 31, "wzr": 31}
_LITERALS = {"w": 0, "x": 1 << 30, "s": 1 << 26, "d": 1 << 30 | 1 << 26, "q": 1 << 31 | 1 << 26}


def unless(condition: str, kind: TrapKind) -> str:
    """The text that traps unless a condition holds."""
    return f"b.{condition} 1f; b trap_{kind.value}; 1:"


def unless_null(x: str, kind: TrapKind) -> str:
    """The text that traps if register `x` is 0."""
    return f"cbnz {x}, 1f; b trap_{kind.value}; 1:"


def assembled(text: str) -> list[Instruction]:
    """The instructions of a text, separated by semicolons. A label is a number and a colon, and is branched to by
    `1f` from above and `1b` from below.
    """
    code: list[Instruction] = []
    forward: dict[str, list[Instruction]] = {}
    labels: dict[str, int] = {}
    backward: list[tuple[Instruction, int]] = []
    for line in filter(None, (part.strip() for part in text.split(";"))):
        if line.endswith(":"):
            labels[line[:-1]] = len(code)
            continue
        mnemonic, _, rest = line.partition(" ")
        *operands, last = (word.strip() for word in re.split(r",(?![^\[{]*[\]}])", rest))
        each = _assembled(mnemonic, [*operands, last] if last else [])
        for label, waiting in list(forward.items()):
            if labels.get(label) == len(code):
                for source in waiting:
                    source.target = each
                del forward[label]
        code.append(each)
        if re.fullmatch(r"\d[fb]", last):
            each.is_branch = True
            if last[1] == "f":
                labels.pop(last[0], None)
                forward.setdefault(last[0], []).append(each)
            else:
                backward.append((each, labels[last[0]]))
    for each, index in backward:
        each.target = code[index]
    assert all(labels.get(label) == len(code) for label in forward), text  # to the end: the target is None
    return code


def _assembled(mnemonic: str, operands: list[str]) -> Instruction:
    if mnemonic.startswith("b."):
        return Instruction(0x5400_0000 | _CONDITIONS[mnemonic[2:]])
    return _FORMS[mnemonic](*operands)


def _number(register: str) -> int:
    """A register's number."""
    return _NAMED[register] if register in _NAMED else int(re.sub(r"\D.*", "", register[1:]))


def _is_wide(register: str) -> int:
    return WIDE if register[0] == "x" or register == "sp" else 0


def _immediate(text: str) -> int:
    return int(text.lstrip("#"), 0)


def _address(operand: str) -> list[str]:
    """What is between the brackets."""
    assert operand.startswith("[") and operand.rstrip("!").endswith("]"), operand
    return [part.strip() for part in operand.rstrip("!")[1:-1].split(",")]


def _access(is_load: bool) -> Callable[..., Instruction]:
    def access(register: str, operand: str, step: str = "") -> Instruction:
        if not operand.startswith("["):
            return Instruction(LITERAL | _LITERALS[register[0]] | _number(register), symbol=operand)
        size, v, opc = _SIZES[register[0]]
        return _memory((size, v, opc if is_load else opc - 1), register, operand, step)

    return access


def _part(size: int, opc: int) -> Callable[..., Instruction]:
    """An access to less than a general register."""
    return lambda register, operand: _memory((size, 0, opc), register, operand)


def _memory(form: tuple[int, int, int], register: str, operand: str, step: str = "") -> Instruction:
    """A load or store, told by its size, V and opc."""
    size, v, opc = form
    scale = 4 if register[0] == "q" else size
    base, *rest = _address(operand)
    word = size << 30 | 7 << 27 | v << 26 | opc << 22 | _number(base) << 5 | _number(register)
    if step:
        return Instruction(word | (_immediate(step) & 0x1FF) << 12 | 1 << 10)
    offset = rest[0] if rest else "#0"
    if offset[0] in "wx":
        extension, _, amount = rest[1].partition(" ") if len(rest) > 1 else ("lsl", "", "")
        shift = _immediate(amount or "#0")
        assert shift in (0, scale) and extension == ("lsl" if offset[0] == "x" else "uxtw"), operand
        index = _number(offset) << 16 | _INDICES[extension] << 13 | (shift > 0) << 12
        return Instruction(word | 1 << 21 | index | 2 << 10)
    word |= 1 << 24
    if offset.startswith("hole"):
        return Instruction(word, symbol=offset)
    field, left = divmod(_immediate(offset), 1 << scale)
    if left or not 0 <= field < 4096:  # the form with an offset of 9 bits, signed
        assert -256 <= _immediate(offset) < 256, operand
        return Instruction(word & ~(1 << 24) | (_immediate(offset) & 0x1FF) << 12)
    return Instruction(word | field << 10)


def _pair(is_load: bool) -> Callable[..., Instruction]:
    def pair(first: str, second: str, operand: str, step: str = "") -> Instruction:
        base, *rest = _address(operand)
        mode = 1 if step else 3 if operand.endswith("!") else 2
        offset = _immediate(step or (rest[0] if rest else "#0")) // 8
        word = 0xA800_0000 | mode << 23 | is_load << 22 | (offset & 0x7F) << 15
        return Instruction(word | _number(second) << 10 | _number(base) << 5 | _number(first))

    return pair


def _arithmetic(of_registers: int, of_number: int) -> Callable[..., Instruction]:
    """Additions and subtractions, of a register, or of a number of 12 bits, or 24 whose lower half is 0."""

    def arithmetic(to: str, x: str, y: str) -> Instruction:
        wide, word = _is_wide(to) | _is_wide(x), _number(x) << 5 | _number(to)
        if y.startswith("hole"):
            return Instruction(wide | of_number | word, symbol=y)
        if not y.startswith("#"):
            extended = 0x0020_6000 if "sp" in (to, x) else 0
            return Instruction(wide | of_registers | extended | _number(y) << 16 | word)
        number = _immediate(y)
        high = number >> 12 if number & 0xFFF == 0 else 0
        assert 0 <= (high or number) < 4096, y
        return Instruction(wide | of_number | (high or number) << 10 | (high > 0) << 22 | word)

    return arithmetic


_ADD = _arithmetic(0x0B00_0000, 0x1100_0000)
_SUB = _arithmetic(0x4B00_0000, 0x5100_0000)
_SUBS = _arithmetic(0x6B00_0000, 0x7100_0000)


def _mask(number: int) -> int:
    """The field of a logical instruction of 64 bits for a number whose ones are its lowest bits, or its highest."""
    number &= (1 << 64) - 1
    ones = number.bit_count()
    if number == (1 << ones) - 1:
        return 1 << 22 | ones - 1 << 10
    assert number == ((1 << ones) - 1) << 64 - ones, hex(number)
    return 1 << 22 | ones << 16 | ones - 1 << 10


def _of_registers(word: int) -> Callable[..., Instruction]:
    """An instruction of three registers of one size."""
    return lambda to, x, y: Instruction(_is_wide(to) | word | _number(y) << 16 | _number(x) << 5 | _number(to))


_AND = _of_registers(0x0A00_0000)


def _and(to: str, x: str, y: str) -> Instruction:
    """With a register, or a number whose ones are its lowest bits, or its highest."""
    if not y.startswith("#"):
        return _AND(to, x, y)
    return Instruction(0x9200_0000 | _mask(_immediate(y)) | _number(x) << 5 | _number(to))


def _shift_right(of_registers: int, of_number: int) -> Callable[..., Instruction]:
    """By what a register has, or by a number."""
    by_register = _of_registers(of_registers)

    def shift(to: str, x: str, y: str) -> Instruction:
        if not y.startswith("#"):
            return by_register(to, x, y)
        size = WIDE | 1 << 22 | 1 << 15 if _is_wide(to) else 0
        return Instruction(size | of_number | _immediate(y) << 16 | _number(x) << 5 | _number(to))

    return shift


def _move(to: str, x: str) -> Instruction:
    if to[0] == "v":
        return Instruction(0x4EA0_1C00 | _number(x) << 16 | _number(x) << 5 | _number(to))
    if "sp" in (to, x):
        return Instruction(0x9100_0000 | _number(x) << 5 | _number(to))
    return Instruction(_is_wide(to) | 0x2A00_03E0 | _number(x) << 16 | _number(to))


def _branch_if_zero(word: int) -> Callable[..., Instruction]:
    return lambda register, label: Instruction(_is_wide(register) | word | _number(register))


def _select(to: str, x: str, y: str, condition: str) -> Instruction:
    word = {"w": 0x1A80_0000, "x": 0x9A80_0000, "s": 0x1E20_0C00, "d": 0x1E60_0C00}[to[0]]
    fields = _number(y) << 16 | _CONDITIONS[condition] << 12 | _number(x) << 5 | _number(to)
    return Instruction(word | fields)


def _look_up(to: str, table: str, indices: str) -> Instruction:
    return Instruction(0x4E00_0000 | _number(indices) << 16 | _number(table.strip("{}")) << 5 | _number(to))


def _between(to: str, x: str) -> Instruction:
    """fmov, from a general register."""
    return Instruction({"s": 0x1E27_0000, "d": 0x9E67_0000}[to[0]] | _number(x) << 5 | _number(to))


_FORMS: dict[str, Callable[..., Instruction]] = {
    "ldr": _access(is_load=True),
    "str": _access(is_load=False),
    "ldp": _pair(is_load=True),
    "stp": _pair(is_load=False),
    "ldrb": _part(0, 1),
    "ldrsb": _part(0, 3),
    "strb": _part(0, 0),
    "ldrh": _part(1, 1),
    "ldrsh": _part(1, 3),
    "strh": _part(1, 0),
    "ldrsw": _part(2, 2),
    "add": _ADD,
    "sub": _SUB,
    "subs": _SUBS,
    "cmp": lambda x, y: _SUBS("xzr" if x[0] == "x" else "wzr", x, y),
    "and": _and,
    "tst": lambda x, y: Instruction(0xF200_001F | _mask(_immediate(y)) | _number(x) << 5),
    "asr": _shift_right(0x1AC0_2800, 0x1300_7C00),
    "lsr": _shift_right(0x1AC0_2400, 0x5300_7C00),
    "mul": _of_registers(0x1B00_7C00),
    "movz": lambda to, half: Instruction(0xD2E0_0000 | _immediate(half) << 5 | _number(to)),  # the highest of four
    "mov": _move,
    "movi": lambda to, zero: Instruction(0x6F00_E400 | _number(to)),
    "fmov": _between,
    "csel": _select,
    "fcsel": _select,
    "cset": lambda to, condition: Instruction(0x1A9F_07E0 | (_CONDITIONS[condition] ^ 1) << 12 | _number(to)),
    "orr": lambda to, x, y: Instruction(0x4EA0_1C00 | _number(y) << 16 | _number(x) << 5 | _number(to)),
    "tbl": _look_up,
    "late": lambda: Instruction(LATE, symbol="late"),
    "adr": lambda to, label: Instruction(ADR | _number(to), symbol=label),
    "b": lambda label: Instruction(JUMP, symbol="" if label[0].isdigit() else label),
    "br": lambda x: Instruction(0xD61F_0000 | _number(x) << 5),
    "blr": lambda x: Instruction(0xD63F_0000 | _number(x) << 5),
    "ret": lambda: Instruction(0xD65F_03C0),
    "cbz": _branch_if_zero(0x3400_0000),
    "cbnz": _branch_if_zero(0x3500_0000),
}
