"""Instructions of the text format, folded and flat, encoded as they are read (core specification, section 6.5).

Nesting is kept on a stack of frames, so that its depth is bounded by memory and not by Python's recursion.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from jormun.dataclass import dataclass
from jormun.opcodes.immediates import CatchKind
from jormun.syntax.expression import Expr, Source
from jormun.syntax.leb128 import write_signed, write_unsigned
from jormun.syntax.type_bytes import EMPTY_BLOCK
from jormun.syntax.type_code import encode_valtype
from jormun.text.context import ModuleContext
from jormun.text.cursor import Cursor, shorten
from jormun.text.literals import OutOfRangeError, unsigned
from jormun.text.operations import BLOCKS, ELSE, END, OPERATIONS
from jormun.text.positions import Positions
from jormun.text.types import signature, type_use

# What the innermost open construct is; plain ints, because the main loop compares them at every token. From _BLOCK on,
# flat instructions may stand in it.
_ONE: Final = 0
"""The outside of a single folded instruction."""
_PLAIN: Final = 1
"""A folded instruction whose operands are being read."""
_IF: Final = 2
"""A folded `if` before its `then`, where the condition is read."""
_IF_DONE: Final = 3
"""A folded `if` behind its `then`."""
_IF_CLOSED: Final = 4
"""A folded `if` behind its `else`."""
_BLOCK: Final = 5
"""A folded block."""
_THEN: Final = 6
_ELSE: Final = 7
_FLAT: Final = 8
"""A flat block, to be closed by `end`."""
_FLAT_IF: Final = 9
"""A flat `if`, to be closed by `end` or `else`."""
_BODY: Final = 10
"""The outside of a sequence of instructions."""


@dataclass(frozen=True, slots=True)
class Label:
    """A block's identifier, and what the name section calls it."""

    identifier: str | None
    name: str | None


Frame: TypeAlias = tuple[int, bytes, int, Label | None]
"""An open construct: the kind of the one around it, the code that is emitted when its operands are, its first token and
its label."""

_CLOSING = (_IF_DONE, _IF_CLOSED)
_NOTHING = b""
_CATCHES = {str(kind): kind for kind in CatchKind}


class Code:
    """Reads instructions and encodes them: a function's body or constant expressions."""

    def __init__(self, cursor: Cursor, context: ModuleContext, locals: dict[str, int] | None = None) -> None:
        self.cursor = cursor
        self.context = context
        self.locals = {} if locals is None else locals
        self.depth = 0
        self.label_depths: dict[str, list[int]] = {}
        self.label_names: dict[int, str] = {}
        self.block_count = 0
        self.hints: list[tuple[int, int]] = []
        """Branch hints: the offset of an instruction, and the hint."""
        self.marks: list[int] = []
        """Offsets and tokens of instructions, in turn."""

    def expression(self) -> tuple[Expr, Source]:
        """Read instructions up to the parenthesis that closes what they stand in, which is not read."""
        return self._read(_BODY)

    def folded(self) -> tuple[Expr, Source]:
        """Read one folded instruction."""
        if self.cursor.texts[self.cursor.at] != "(":
            raise self.cursor.unexpected("'('")
        return self._read(_ONE)

    def _read(self, kind: int) -> tuple[Expr, Source]:
        cursor = self.cursor
        texts = cursor.texts
        marks = self.marks = []
        out = bytearray()
        frames: list[Frame] = []
        hints = cursor.hints
        # FAST: every instruction of a module passes here; 1.5 us each.
        while True:
            at = cursor.at
            token = texts[at]
            if token == "(":
                token = texts[at + 1]
                operation = OPERATIONS.get(token)
                if operation is None or kind in _CLOSING:
                    kind = self._open(out, frames, kind)
                    continue
                cursor.at = at + 2
                opcode, reader = operation
                if reader is not None:
                    pending = bytearray(opcode)
                    reader(self, pending)
                    opcode = bytes(pending)
                if texts[cursor.at] != ")":
                    if hints:
                        self._note_hint(at, at + 1)
                    frames.append((kind, opcode, at, None))
                    kind = _PLAIN
                    continue
                cursor.at += 1
                marks.append(len(out))
                marks.append(at + 1)
                if hints:
                    self._note_hint(at, at + 1)
                    self._place_hint(at, len(out))
                out += opcode
            elif token == ")":
                if kind == _BODY:
                    break
                kind = self._close(out, frames, kind)
            elif kind >= _BLOCK:
                operation = OPERATIONS.get(token)
                if operation is None:
                    kind = self._flat(out, frames, kind)
                    continue
                cursor.at = at + 1
                marks.append(len(out))
                marks.append(at)
                if hints:
                    self._note_hint(at, at)
                    self._place_hint(at, len(out))
                out += operation[0]
                if operation[1] is not None:
                    operation[1](self, out)
            else:
                raise cursor.unexpected("'(' or ')'")
            if kind == _ONE:
                break
        marks += (len(out), at)
        out += END
        return Expr(bytes(out)), self._source()

    def _source(self) -> Source:
        marks, starts = self.marks, self.cursor.tokens.starts
        return Source(positions=Positions(self.cursor.tokens.lines, marks[::2], map(starts.__getitem__, marks[1::2])))

    # Blocks.

    def _open(self, out: bytearray, frames: list[Frame], kind: int) -> int:
        """Read what opens a folded construct that is no plain instruction; the new kind."""
        cursor = self.cursor
        at = cursor.at
        token = cursor.texts[at + 1]
        if kind == _IF and token == "then":
            cursor.at += 2
            _, opcode, start, label = frames[-1]
            self._begin(out, opcode, start + 1, label)
            return _THEN
        if kind == _IF_DONE and token == "else":
            cursor.at += 2
            self.marks += (len(out), at + 1)
            out += ELSE
            return _ELSE
        if kind in _CLOSING:
            raise cursor.unexpected("')'" if kind == _IF_CLOSED else "'(else' or ')'")
        if token not in BLOCKS:
            cursor.at += 1
            raise cursor.unexpected("an instruction")
        cursor.at += 2
        label = self._read_label_declaration()
        opcode = BLOCKS[token] + self._block_type()
        if token == "if":
            if cursor.hints:
                self._note_hint(at, at + 1)
            frames.append((kind, opcode, at, label))
            return _IF
        if token == "try_table":
            opcode += self._catches()
        frames.append((kind, _NOTHING, at, label))
        self._begin(out, opcode, at + 1, label)
        return _BLOCK

    def _close(self, out: bytearray, frames: list[Frame], kind: int) -> int:
        """Read the parenthesis that closes the innermost construct; the kind of the one around it."""
        cursor = self.cursor
        at = cursor.at
        if kind == _IF:
            raise cursor.unexpected("'(then'")
        if kind >= _FLAT:
            raise cursor.unexpected("'end'")
        cursor.at += 1
        if kind == _THEN:
            return _IF_DONE
        if kind == _ELSE:
            return _IF_CLOSED
        outer, opcode, start, label = frames.pop()
        if kind == _PLAIN:
            self.marks += (len(out), start + 1)
            if cursor.hints:
                self._place_hint(start, len(out))
            out += opcode
        else:
            self.marks += (len(out), at)
            out += END
            self._leave(label)
        return outer

    def _flat(self, out: bytearray, frames: list[Frame], kind: int) -> int:
        """Read a flat instruction that opens, divides or closes a block; the new kind."""
        cursor = self.cursor
        at = cursor.at
        token = cursor.texts[at]
        if token in BLOCKS:
            cursor.at += 1
            label = self._read_label_declaration()
            opcode = BLOCKS[token] + self._block_type()
            if token == "try_table":
                opcode += self._catches()
            frames.append((kind, _NOTHING, at, label))
            if cursor.hints and token == "if":
                self._note_hint(at, at)
                self._place_hint(at, len(out))
            self._begin(out, opcode, at, label)
            return _FLAT_IF if token == "if" else _FLAT
        if token == "else" and kind == _FLAT_IF:
            self._divide(frames[-1][3])
            self.marks += (len(out), at)
            out += ELSE
            return _FLAT
        if token == "end" and kind in (_FLAT, _FLAT_IF):
            outer, _, _, label = frames.pop()
            self._divide(label)
            self.marks += (len(out), at)
            out += END
            self._leave(label)
            return outer
        raise cursor.unexpected("an instruction" if kind == _BODY or kind < _FLAT else "an instruction or 'end'")

    def _divide(self, label: Label | None) -> None:
        """Read `else` or `end` and the identifier that may repeat the block's."""
        cursor = self.cursor
        cursor.at += 1
        if cursor.is_identifier():
            at = cursor.at
            if label is None or cursor.identifier() != label.identifier:
                raise cursor.error(f"mismatching label {cursor.texts[at]}", at)

    def _begin(self, out: bytearray, opcode: bytes, at: int, label: Label | None) -> None:
        """Emit the instruction that opens a block and enter its label."""
        self.marks += (len(out), at)
        if self.cursor.hints:
            self._place_hint(at - 1, len(out))
        out += opcode
        if label is not None:
            if label.name is not None:
                self.label_names[self.block_count] = label.name
            if label.identifier is not None:
                self.label_depths.setdefault(label.identifier, []).append(self.depth)
        self.block_count += 1
        self.depth += 1

    def _leave(self, label: Label | None) -> None:
        self.depth -= 1
        if label is not None and label.identifier is not None:
            self.label_depths[label.identifier].pop()

    def _read_label_declaration(self) -> Label | None:
        identifier = self.cursor.optional_identifier()
        name = self.cursor.annotated_name()
        return None if identifier is None and name is None else Label(identifier, identifier if name is None else name)

    def _block_type(self) -> bytes:
        """Read a block's type; its encoding."""
        cursor = self.cursor
        if cursor.texts[cursor.at] != "(":
            return bytes([EMPTY_BLOCK])
        out = bytearray()
        if cursor.opens("type"):
            index, _ = type_use(cursor, self.context)
            write_signed(out, index)
            return bytes(out)
        start = cursor.start()
        function = signature(cursor, self.context, None)
        if function.params or len(function.results) > 1:
            write_signed(out, self.context.type_index(function, start))
        elif function.results:
            encode_valtype(out, function.results[0])
        else:
            out.append(EMPTY_BLOCK)
        return bytes(out)

    def _catches(self) -> bytes:
        """Read the catch clauses of try_table; their encoding."""
        cursor = self.cursor
        count, clauses = 0, bytearray()
        while cursor.texts[cursor.at] == "(" and cursor.texts[cursor.at + 1] in _CATCHES:
            kind = _CATCHES[cursor.texts[cursor.at + 1]]
            cursor.at += 2
            count += 1
            clauses.append(kind.value)
            if kind.has_tag:
                write_unsigned(clauses, self.context.tags.read(cursor))
            write_unsigned(clauses, self.label())
            cursor.close()
        out = bytearray()
        write_unsigned(out, count)
        return bytes(out + clauses)

    # What readers of immediates ask for.

    def label(self) -> int:
        """Read a label; how many blocks outward it is."""
        cursor = self.cursor
        token = cursor.texts[cursor.at]
        if not token.startswith("$"):
            if not cursor.is_unsigned():
                raise cursor.unexpected("a label")
            return cursor.unsigned(32)
        at = cursor.at
        depths = self.label_depths.get(cursor.identifier())
        if not depths:
            raise cursor.error(f"unknown label {token}", at)
        return self.depth - 1 - depths[-1]

    def has_two_indices(self) -> bool:
        """Whether the next two tokens are indices."""
        cursor = self.cursor
        return all(token[:1] == "$" or token[:1].isdigit() for token in cursor.texts[cursor.at : cursor.at + 2])

    def assigned(self, prefix: int) -> int:
        """Read a token such as `offset=8`; the number behind the prefix, whose length is given."""
        cursor = self.cursor
        token = cursor.texts[cursor.at]
        try:
            value = unsigned(token[prefix:], 64)
        except OutOfRangeError as error:
            raise cursor.error(f"{error}: {shorten(token)}") from error
        except ValueError as error:
            raise cursor.error(f"unknown operator {shorten(token)}") from error
        cursor.at += 1
        return value

    # Branch hints.

    def _note_hint(self, at: int, operator: int) -> None:
        """Check that the instruction at token `operator`, whose annotations stand before token `at`, may be hinted."""
        cursor = self.cursor
        if at in cursor.hints and cursor.texts[operator] not in ("if", "br_if"):
            raise cursor.error("@metadata.code.branch_hint annotation: invalid target", operator)

    def _place_hint(self, at: int, offset: int) -> None:
        """Take the hint before token `at`, if there is one, for the instruction at an offset."""
        hint = self.cursor.hints.pop(at, None)
        if hint is not None:
            self.hints.append((offset, hint))
