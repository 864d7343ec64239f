"""Reading the parts of a binary one after another (core specification, sections 5.1 and 5.2).

All offsets are those of the file, so that errors say where in it they are. To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.errors import MalformedError
from jormun.hints import Final
from jormun.opcodes.immediates import Immediate
from jormun.opcodes.table import BY_CODE
from jormun.syntax.code import END, skip_expression
from jormun.syntax.expression import Expr
from jormun.syntax.leb128 import UNEXPECTED_END, read_u32, read_u64
from jormun.syntax.type_code import read_reftype, read_storagetype, read_valtype
from jormun.types import RefType, StorageType, ValType


class Reader:
    """Reads `data` from offset `at`, and nothing from `end` on."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self.data = data
        self.at = at
        self.end = end
        self.expressions: dict[bytes, Expr] = {}

    def _move(self, at: int) -> None:
        if at > self.end:
            raise MalformedError(UNEXPECTED_END, offset=self.end)
        self.at = at

    def byte(self) -> int:
        """One byte."""
        at = self.at
        if at >= self.end:
            raise MalformedError(UNEXPECTED_END, offset=at)
        self.at = at + 1
        return self.data[at]

    def u32(self) -> int:
        """An unsigned number of 32 bits."""
        at = self.at
        if at < self.end:
            byte = self.data[at]
            if byte < 0x80:
                self.at = at + 1
                return byte
        value, at = read_u32(self.data, at)
        self._move(at)
        return value

    def u64(self) -> int:
        """An unsigned number of 64 bits."""
        value, at = read_u64(self.data, self.at)
        self._move(at)
        return value

    def count(self, limit: int, what: str) -> int:
        """The length of a list whose elements take a byte or more each, and of which there may be `limit`."""
        at = self.at
        count = self.u32()
        if count > self.end - at:
            raise MalformedError(f"length out of bounds: {count} {what} in {self.end - self.at} bytes", offset=at)
        if count > limit:
            raise MalformedError(f"too many {what}: {count}, the limit is {limit}", offset=at)
        return count

    def size(self) -> int:
        """A number of bytes that follow."""
        at = self.at
        size_bytes = self.u32()
        if size_bytes > self.end - at:
            raise MalformedError(f"length out of bounds: {size_bytes} bytes of {self.end - self.at}", offset=at)
        return size_bytes

    def skip(self, size_bytes: int) -> None:
        """Leave out the next bytes."""
        self._move(self.at + size_bytes)

    def take(self, size_bytes: int) -> bytes:
        """The next bytes, as they are."""
        at = self.at
        self._move(at + size_bytes)
        return self.data[at : self.at]

    def name(self) -> str:
        """A name (5.2.4)."""
        size_bytes = self.size()
        at = self.at
        encoded = self.take(size_bytes)
        try:
            return encoded.decode()
        except UnicodeDecodeError as error:
            raise MalformedError("malformed UTF-8 encoding", offset=at + error.start) from error

    def zero(self) -> None:
        """A byte that must be 0."""
        at = self.at
        if self.byte() != 0:
            raise MalformedError("zero byte expected", offset=at)

    def indices(self, limit: int, what: str) -> tuple[int, ...]:
        """A list of indices, `limit` at most."""
        count = self.count(limit, what)
        at = self.at
        # FAST: indices below 128 are a byte each; a list of them becomes a tuple without a loop, 100 times as fast.
        if at + count <= self.end:
            run = self.data[at : at + count]
            if run.isascii():
                self.at = at + count
                return tuple(run)
        indices: list[int] = []
        for _ in range(count):
            indices.append(self.u32())
        return tuple(indices)

    def valtype(self) -> ValType:
        """A value type (5.3.5)."""
        t, at = read_valtype(self.data, self.at)
        self._move(at)
        return t

    def reftype(self) -> RefType:
        """A reference type (5.3.4)."""
        t, at = read_reftype(self.data, self.at)
        self._move(at)
        return t

    def storagetype(self) -> StorageType:
        """The type of a field (5.3.8)."""
        t, at = read_storagetype(self.data, self.at)
        self._move(at)
        return t

    def expression(self) -> Expr:
        """An expression (5.4.9); equal ones are one object."""
        at, data = self.at, self.data
        # FAST: most constant expressions are one instruction with a number of at most four bytes, which is in range
        # whatever its bits are; 5 times as fast.
        after = at + 2
        end = min(self.end, at + 6)
        while after < end and data[after - 1] >= 0x80:
            after += 1
        if after < end and data[at] in _ONE_NUMBER and data[after] == END:
            self.at = after + 1
        else:
            self._move(skip_expression(data, at, self.end))
        code = data[at : self.at]
        known = self.expressions.get(code)
        if known is None:
            known = self.expressions[code] = Expr(code)
        return known


_ONE_NUMBER: Final = frozenset(
    row.code
    for row in BY_CODE.values()
    if row.is_constant
    and row.prefix is None
    and row.immediates in ((Immediate.GLOBAL,), (Immediate.I32,), (Immediate.I64,), (Immediate.FUNC,))
)
"""The opcodes of global.get, i32.const, i64.const, ref.func."""
