"""The first pass over a module's text: where its fields are, and which identifiers its index spaces have.

Identifiers may be used before they are declared, so that all of them are collected before anything else is read
(core specification, section 6.1.5 and 6.6.13).
"""

from __future__ import annotations

from jormun.dataclass import dataclass
from jormun.text.context import ModuleContext, Space
from jormun.text.cursor import Cursor
from jormun.text.lexer import END_OF_TEXT


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a module: what it is, and its tokens, from the opening parenthesis to behind the closing one.

    `index` is the first entry that it adds to its index space.
    """

    keyword: str
    start: int
    end: int
    index: int = 0


class Outline:
    """Reads a module's fields in passing."""

    def __init__(self, cursor: Cursor, context: ModuleContext) -> None:
        self.cursor = cursor
        self.context = context
        self.fields: list[Field] = []
        self.defined: str | None = None
        """The first kind of entry that was defined and not imported; imports must come before all of them."""
        self.spaces = {
            "func": context.functions,
            "table": context.tables,
            "memory": context.memories,
            "global": context.globals,
            "tag": context.tags,
        }

    def read(self) -> list[Field]:
        """Read fields up to a token that begins none."""
        cursor = self.cursor
        while cursor.texts[cursor.at] == "(":
            self._field()
        return self.fields

    def _field(self) -> None:
        cursor, context = self.cursor, self.context
        start = cursor.at
        keyword = cursor.texts[start + 1]
        cursor.at += 2
        index = 0
        match keyword:
            case "type":
                index = context.types.declare(cursor)
            case "rec":
                index = context.types.count
                while cursor.takes_open("type"):
                    context.types.declare(cursor)
                    cursor.at = self._end(cursor.at, 1)
            case "import":
                self._check_import(start)
                cursor.string()
                cursor.string()
                if cursor.texts[cursor.at] != "(":
                    raise cursor.unexpected("'('")
                cursor.at += 1
                index = self._space().declare(cursor)
            case "func" | "table" | "memory" | "global" | "tag":
                cursor.at -= 1
                index = self._space().declare(cursor)
                self._definition(keyword, start)
            case "elem":
                index = context.elements.declare(cursor)
            case "data":
                index = context.datas.declare(cursor)
            case "export" | "start":
                pass
            case _:
                cursor.at -= 1
                raise cursor.unexpected("a module field")
        cursor.at = self._end(start + 1, 1)
        self.fields.append(Field(keyword, start, cursor.at, index))

    def _space(self) -> Space:
        """Read the keyword of an index space."""
        space = self.spaces.get(self.cursor.texts[self.cursor.at])
        if space is None:
            raise self.cursor.unexpected("'func', 'table', 'memory', 'global' or 'tag'")
        self.cursor.at += 1
        return space

    def _definition(self, keyword: str, start: int) -> None:
        """Look behind a definition's identifier for an inline import or segment, which takes an index."""
        cursor = self.cursor
        texts = cursor.texts
        at = cursor.at
        while texts[at] == "(" and texts[at + 1] == "export":
            at = self._end(at + 1, 1)
        if texts[at] == "(" and texts[at + 1] == "import":
            self._check_import(start)
            return
        self.defined = self.defined or {"func": "function"}.get(keyword, keyword)
        segments = {"table": ("elem", self.context.elements), "memory": ("data", self.context.datas)}.get(keyword)
        if segments is None:
            return
        # Between the identifier and an inline segment stands a type at most: look no farther than behind that.
        word, space = segments
        depth = 1
        while depth and texts[at] != END_OF_TEXT:
            if texts[at] == "(":
                if depth == 1 and texts[at + 1] == word:
                    space.count += 1
                    return
                depth += 1
            elif texts[at] == ")":
                depth -= 1
            at += 1

    def _check_import(self, at: int) -> None:
        if self.defined is not None:
            raise self.cursor.error(f"import after {self.defined}", at)

    def _end(self, at: int, depth: int) -> int:
        """The token behind the parenthesis that closes the last of `depth` open ones."""
        texts = self.cursor.texts
        start = at
        while depth:
            token = texts[at]
            if token == "(":
                depth += 1
            elif token == ")":
                depth -= 1
            elif token == END_OF_TEXT:
                self.cursor.at = at
                opened = self.cursor.position(start - 1)
                raise self.cursor.unexpected(f"the ')' of line {opened.line}, column {opened.column}")
            at += 1
        return at
