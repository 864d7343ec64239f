"""How the compiler treats opcodes: a number for each kind, and the families of stencils.

To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.baseline import catalogue
from jormun.baseline.catalogue import BINARY, IF, REGISTERS, UNARY, UNLESS, VALUE
from jormun.baseline.library import Library
from jormun.hints import Final, i64
from jormun.opcodes.immediates import Immediate
from jormun.opcodes.signatures import Rule
from jormun.opcodes.table import BY_CODE, BY_NAME
from jormun.validation.stack import vec

LOCAL_GET: Final = 0
LOCAL_SET: Final = 1
LOCAL_TEE: Final = 2
CONST: Final = 3
"""i32.const and i64.const, which are encoded alike."""
TWO: Final = 4
"""A row with two operands and a result."""
COMPARE: Final = 5
"""The same, but it may be fused with a branch."""
ONE: Final = 6
TEST: Final = 7
"""A row with one operand that may be fused with a branch."""
LOAD: Final = 8
STORE: Final = 9
DROP: Final = 10
"""The last of those that need no more than a look at operands."""
BR_IF: Final = 11
BR: Final = 12
BLOCK: Final = 13
END: Final = 14
CALL: Final = 15
STEP: Final = 16
_RULES: Final[dict[Rule, int]] = {
    Rule.LOCAL_GET: LOCAL_GET,
    Rule.LOCAL_SET: LOCAL_SET,
    Rule.LOCAL_TEE: LOCAL_TEE,
    Rule.BR_IF: BR_IF,
    Rule.CALL: CALL,
    Rule.END: END,
    Rule.BLOCK: BLOCK,
    Rule.BR: BR,
    Rule.DROP: DROP,
}

_CONSTANTS: Final = {"i32.const": catalogue.CLASS_I32, "i64.const": catalogue.CLASS_I64}
_PLACES: Final = (catalogue.REGISTER, catalogue.SLOT, catalogue.SLOT, catalogue.CONSTANT)
"""Of operands, by kind: an operand's own slot and a local's are the same to a stencil."""

EQZ_CODE: Final = BY_NAME["i32.eqz"][0].code
BR_IF_CODE: Final = BY_NAME["br_if"][0].code
IF_CODE: Final = BY_NAME["if"][0].code


class Op:
    """A stamped row as the compiler reads it."""

    __slots__ = (
        "access_bytes", "base", "first_if", "first_unless", "form", "has_lane", "has_memarg",
        "has_ordering", "params", "results",
    )  # fmt: skip

    def __init__(self, library: Library, code: int) -> None:
        row = BY_CODE[code]
        self.base: int = library.families[code, VALUE]
        self.first_if: int = library.families.get((code, IF), -1)
        self.first_unless: int = library.families.get((code, UNLESS), -1)
        self.form: int = catalogue.form_of(row)
        self.params: list[int] = catalogue.params_of(row)
        self.results: list[int] = catalogue.results_of(row)
        self.has_memarg: bool = Immediate.MEMARG in row.immediates
        self.has_lane: bool = Immediate.LANE in row.immediates
        self.has_ordering: bool = Immediate.ORDERING in row.immediates
        self.access_bytes: int = row.access_bits // 8 if self.has_memarg else 0


class Rows:
    """What opcodes mean to the compiler. Tables are by one-byte opcode, or as they say."""

    def __init__(self, library: Library) -> None:
        self.ops: dict[int, Op] = {row.code: Op(library, row.code) for row in catalogue.stamped_rows()}
        """All stamped rows by code."""
        self.bases: vec[i64] = vec[i64]([-1] * 256)
        self.ifs: vec[i64] = vec[i64]([-1] * 256)
        self.unlesses: vec[i64] = vec[i64]([-1] * 256)
        self.access_bytes: vec[i64] = vec[i64]([0] * 256)
        self.has: vec[i64] = vec[i64]([int(library.has(number)) for number in range(len(library.stencils))])
        """Whether there is a stencil with a number."""
        self.kinds: vec[i64] = vec[i64]([STEP] * 256)
        self.results: vec[i64] = vec[i64]([0] * 256)
        """The classes of results."""
        for code in range(256):
            if code in BY_CODE:
                self.kinds[code] = self._kind(code)
                op = self.ops.get(code)
                if op is not None and op.results:
                    self.results[code] = op.results[0]
        self.unary: vec[i64] = vec[i64]([4 * place for place in _PLACES])
        """By the kind of an operand (operands.py): the first variant for its place."""
        self.binary: vec[i64] = vec[i64]([4 * (3 * x + y) for x in _PLACES for y in _PLACES])
        """The same for two, by first kind << 2 | second kind."""

    def _kind(self, code: int) -> int:
        rule = BY_CODE[code].signature
        if isinstance(rule, Rule):
            return _RULES.get(rule, STEP)
        op = self.ops.get(code)
        if op is None:
            if BY_CODE[code].name not in _CONSTANTS:
                return STEP
            self.results[code] = _CONSTANTS[BY_CODE[code].name]
            return CONST
        if op.form == REGISTERS:
            return STEP
        self.bases[code], self.ifs[code], self.unlesses[code] = op.base, op.first_if, op.first_unless
        self.access_bytes[code] = op.access_bytes
        if op.has_memarg:
            return LOAD if op.form == UNARY else STORE
        if op.form == BINARY:
            return COMPARE if op.first_if >= 0 else TWO
        return TEST if op.first_if >= 0 else ONE
