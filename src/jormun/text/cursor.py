"""A place in a list of tokens, and what is read alike everywhere: parentheses, names, identifiers, numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NoReturn

from jormun.errors import MalformedError
from jormun.syntax.places import Position
from jormun.text.keywords import KEYWORDS
from jormun.text.lexer import BRANCH_HINT, END_OF_TEXT, Annotation, Tokens, decode_name, decode_string, is_string
from jormun.text.literals import OutOfRangeError, is_number, unsigned

_ASSIGNMENT = re.compile("(?:offset|align)=[0-9].*")
_IDENTIFIER = re.compile(r"\$[^\"]+")


class Cursor:
    """Reads tokens one after another. Errors carry the line and column of the token at hand."""

    def __init__(self, tokens: Tokens, at: int = 0, annotations: Sequence[Annotation] | None = None) -> None:
        self.tokens = tokens
        self.texts = tokens.texts
        self.at = at
        self.names: dict[int, list[Annotation]] = {}
        """@name annotations that nothing has taken yet, by the token before which they stand."""
        self.hints: dict[int, int] = {}
        """Branch hints that nothing has taken yet, by the token before which they stand."""
        for annotation in tokens.annotations if annotations is None else annotations:
            if annotation.name == "name":
                self.names.setdefault(annotation.index, []).append(annotation)
            elif annotation.name == BRANCH_HINT:
                self._add_hint(annotation)

    def _add_hint(self, annotation: Annotation) -> None:
        body = Cursor(annotation.body, 0, ())
        hint = body.strings()
        if body.texts[body.at] != END_OF_TEXT:
            raise body.error(f"@{BRANCH_HINT} annotation: unexpected token")
        if hint not in (b"\0", b"\1"):
            raise self.tokens.error(f"@{BRANCH_HINT} annotation: invalid hint", annotation.start)
        if annotation.index in self.hints:
            raise self.tokens.error(f"@{BRANCH_HINT} annotation: duplicate annotation", annotation.start)
        self.hints[annotation.index] = hint[0]

    # Errors.

    def error(self, message: str, at: int | None = None) -> MalformedError:
        """The error that says `message` about the token at hand, or about another one."""
        return self.tokens.error(message, self.tokens.starts[self.at if at is None else at])

    def unexpected(self, expected: str) -> MalformedError:
        """The error for a token that cannot stand here."""
        token = self.texts[self.at]
        if token == "$":
            return self.error("empty identifier")
        if token == END_OF_TEXT:
            return self.error(f"unexpected token: expected {expected}, found the end of the text")
        if not is_known(token):
            return self.error(f"unknown operator {shorten(token)}")
        return self.error(f"unexpected token: expected {expected}, found {shorten(token)}")

    def position(self, at: int | None = None) -> Position:
        """The place of the token at hand, or of another one."""
        return self.tokens.position(self.tokens.starts[self.at if at is None else at])

    def start(self, at: int | None = None) -> int:
        """The character at which the token at hand begins, or another one."""
        return self.tokens.starts[self.at if at is None else at]

    # Parentheses and keywords.

    def opens(self, keyword: str) -> bool:
        """Whether `(keyword` comes next."""
        return self.texts[self.at] == "(" and self.texts[self.at + 1] == keyword

    def takes_open(self, keyword: str) -> bool:
        """Whether `(keyword` comes next; if so it has been read."""
        if self.texts[self.at] == "(" and self.texts[self.at + 1] == keyword:
            self.at += 2
            return True
        return False

    def takes(self, token: str) -> bool:
        """Whether a token comes next; if so it has been read."""
        if self.texts[self.at] == token:
            self.at += 1
            return True
        return False

    def expect(self, token: str) -> None:
        """Read a token that must come next."""
        if self.texts[self.at] != token:
            raise self.unexpected(f"'{token}'")
        self.at += 1

    def close(self) -> None:
        """Read the parenthesis that must come next."""
        if self.texts[self.at] != ")":
            raise self.unexpected("')'")
        self.at += 1

    # Strings, names and identifiers.

    def string(self) -> bytes:
        """Read a string."""
        token = self.texts[self.at]
        if not is_string(token):
            raise self.unexpected("a string")
        try:
            data = decode_string(token)
        except ValueError as error:
            raise self.error(f"illegal escape: {error}") from error
        self.at += 1
        return data

    def strings(self) -> bytes:
        """Read strings as long as there are any, and join them."""
        parts = []
        while self.texts[self.at].startswith('"'):
            parts.append(self.string())
        return b"".join(parts)

    def name(self) -> str:
        """Read a string that must be UTF-8."""
        token = self.texts[self.at]
        if not is_string(token):
            raise self.unexpected("a string")
        name = decode_name(self.tokens, token, self.tokens.starts[self.at])
        self.at += 1
        return name

    def is_identifier(self) -> bool:
        """Whether an identifier comes next."""
        return self.texts[self.at].startswith("$")

    def identifier(self) -> str:
        """Read an identifier; what it says behind the dollar sign, escapes resolved."""
        token = self.texts[self.at]
        if _IDENTIFIER.fullmatch(token):
            self.at += 1
            return token[1:]
        if not (token.startswith("$") and is_string(token[1:])):
            raise self.unexpected("an identifier")
        name = decode_name(self.tokens, token[1:], self.tokens.starts[self.at] + 1)
        if not name:
            raise self.error("empty identifier")
        self.at += 1
        return name

    def optional_identifier(self) -> str | None:
        """Read an identifier if one comes next."""
        return self.identifier() if self.texts[self.at].startswith("$") else None

    def annotated_name(self, what: str = "name") -> str | None:
        """Take the @name annotation that may stand before the token at hand; the name that it gives."""
        if not self.names:
            return None
        annotations = self.names.pop(self.at, None)
        if annotations is None:
            return None
        if len(annotations) > 1:
            raise self.tokens.error(f"@name annotation: multiple {what}", annotations[1].start)
        body = Cursor(annotations[0].body, 0, ())
        name = body.name()
        if body.texts[body.at] != END_OF_TEXT:
            raise body.error("@name annotation: unexpected token")
        return name

    def has_annotated_name(self) -> bool:
        """Whether a @name annotation stands before the token at hand."""
        return self.at in self.names

    # Numbers.

    def is_unsigned(self) -> bool:
        """Whether the token at hand begins as a number without a sign does."""
        return self.texts[self.at][:1].isdigit()

    def unsigned(self, bits: int) -> int:
        """Read a number without a sign, below 2**bits."""
        try:
            value = unsigned(self.texts[self.at], bits)
        except ValueError as error:
            self.fail_number(error)
        self.at += 1
        return value

    def fail_number(self, error: ValueError, expected: str = "a number") -> NoReturn:
        """Raise the error for a token that a function of text/literals.py refused."""
        if isinstance(error, OutOfRangeError):
            raise self.error(f"{error}: {shorten(self.texts[self.at])}") from error
        raise self.unexpected(expected) from error


def is_known(token: str) -> bool:
    """Whether a token means something somewhere; all others are reserved."""
    if token in KEYWORDS or is_string(token) or is_number(token):
        return True
    if token.startswith("$"):
        return _IDENTIFIER.fullmatch(token) is not None or is_string(token[1:])
    return _ASSIGNMENT.fullmatch(token) is not None


def shorten(token: str) -> str:
    """A token as an error message quotes it."""
    return token if len(token) <= 40 else f"{token[:40]}..."
