"""Tokens of the text format (core specification, section 6.3), each with its place.

One compiled pattern finds a token and the white space and comments before it, so that time is linear in the text. What
no pattern can match (nested comments, annotations, errors) is handled where the pattern stops.
"""

from __future__ import annotations

import re
from array import array

from jormun.dataclass import dataclass, field
from jormun.errors import MalformedError
from jormun.syntax.places import SIZE, Position, position_in

END_OF_TEXT = ""
"""The token behind the last one."""

# Before Python 3.11.5, a possessive group whose last repetition fails half way keeps what that one has matched
# (gh-106052). So none of these fails: their last alternative is nothing, after which there is no further repetition.
_IDCHARS = r"[0-9A-Za-z!#$%&'*+\-./:<=>?@\\^_`|~]++"
_CHARACTERS = r"""(?:[^"\\\x00-\x1f\x7f]++|\\(?:[nrt"'\\]|[0-9a-fA-F]{2}|u\{[0-9a-fA-F](?:_?[0-9a-fA-F]|)*+\})|)*+"""
_STRING = f'"{_CHARACTERS}"'
_WORD = f"(?:{_IDCHARS}|{_STRING})"
_COMMENTS = r"(?:[ \t\n\r]++|;;[^\n\r]*+|\(;[^(;]*+(?:(?:;(?!\))|\((?!;))[^(;]*+|)*+;\)|)*+"

_TOKEN = re.compile(rf"{_COMMENTS}(?:(\((?![@;])|\)|{_WORD}(?:{_WORD}|)*+|\Z)|(.))", re.DOTALL)
"""Group 1 is a token; group 2 the first character of anything else."""
_COMMENT_EDGE = re.compile(r"\(;|;\)")
_ANNOTATION = re.compile(rf"\(@(?:({_IDCHARS})|({_STRING}))?")
_STRING_START = re.compile(f'"{_CHARACTERS}')
_PUNCTUATION = frozenset(",;[]{}")
_NEWLINE = re.compile(r"\r\n|\n|\r")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{2})|u\{([0-9a-fA-F_]+)\}|(.))", re.DOTALL)
_ESCAPED = {"n": b"\n", "r": b"\r", "t": b"\t", '"': b'"', "'": b"'", "\\": b"\\"}

BRANCH_HINT = "metadata.code.branch_hint"
KEPT_ANNOTATIONS = frozenset({"custom", "name", BRANCH_HINT, "datacount"})
"""The annotations that the parser reads; all others are passed over, as the standard asks for."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """An annotation that stands before token `index` and opens at character `start`."""

    name: str
    index: int
    start: int
    body: Tokens


@dataclass(slots=True)
class Tokens:
    """The tokens of a text: `texts[i]` begins at character `starts[i]` of `source`.

    Two empty tokens stand at the end, so that a parser may look one ahead. Strings keep their quotes and escapes.
    """

    source: str
    texts: list[str] = field(default_factory=list)
    starts: array[int] = field(default_factory=lambda: array(SIZE))
    annotations: list[Annotation] = field(default_factory=list)
    _lines: array[int] | None = None

    @property
    def lines(self) -> array[int]:
        """The characters at which lines start."""
        if self._lines is None:
            self._lines = array(SIZE, [0])
            self._lines.extend(newline.end() for newline in _NEWLINE.finditer(self.source))
        return self._lines

    def position(self, start: int) -> Position:
        """The line and column of a character."""
        return position_in(self.lines, start)

    def error(self, message: str, start: int) -> MalformedError:
        """The error that says `message` about a character."""
        position = self.position(start)
        return MalformedError(message, line=position.line, column=position.column)


def decode_text(data: bytes) -> str:
    """The text in a file's bytes. Raises MalformedError with its place for what is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        raise Tokens(before).error("malformed UTF-8 encoding", len(before)) from error


def tokenize(source: str) -> Tokens:
    """The tokens of a text. Raises MalformedError for what is not lexically WebAssembly."""
    tokens = Tokens(source)
    if not source.isascii() and (surrogate := _SURROGATE.search(source)):
        raise tokens.error("malformed UTF-8 encoding", surrogate.start())
    add_text, add_start = tokens.texts.append, tokens.starts.append
    # Most tokens of a text are repeated: each is kept once.
    shared = dict[str, str]().setdefault
    at = 0
    while at >= 0:
        # FAST: the two appends are most of the time of a parse: 3 million tokens a second.
        for match in _TOKEN.finditer(source, at):
            if match.lastindex == 1:
                token = match[1]
                add_text(shared(token, token))
                add_start(match.start(1))
            else:
                at = _special(tokens, match.start(2))
                break
        else:
            at = -1
    if tokens.texts[-1] != END_OF_TEXT:
        add_text(END_OF_TEXT)
        add_start(len(source))
    add_text(END_OF_TEXT)
    add_start(len(source))
    return tokens


def _special(tokens: Tokens, at: int) -> int:
    """Read what begins at a character with which no plain token begins; where to go on."""
    source = tokens.source
    if source.startswith("(;", at):
        return _skip_comment(tokens, at)
    if source.startswith("(@", at):
        return _read_annotation(tokens, at)
    if source[at] in _PUNCTUATION:
        tokens.texts.append(source[at])
        tokens.starts.append(at)
        return at + 1
    raise _error(tokens, at)


def _error(tokens: Tokens, at: int) -> MalformedError:
    """What is wrong with the character with which no token begins."""
    source = tokens.source
    if source[at] != '"':
        return tokens.error(f"illegal character {source[at]!r}", at)
    if at and source[at - 1] == "$" and tokens.texts and tokens.texts[-1] == "$":
        return tokens.error("empty identifier", at - 1)
    start = _STRING_START.match(source, at)
    assert start is not None
    end = start.end()
    if end == len(source) or source[end] in "\n\r":
        return tokens.error("unclosed string", at)
    if source[end] == "\\":
        return tokens.error("illegal escape", end)
    return tokens.error("illegal control character in string literal", end)


def _skip_comment(tokens: Tokens, at: int) -> int:
    """The end of the block comment that opens at a character."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(tokens.source, at):
        depth += 1 if edge[0] == "(;" else -1
        if depth == 0:
            return edge.end()
    raise tokens.error("unclosed comment", at)


def _read_annotation(tokens: Tokens, start: int) -> int:
    """Read the annotation that opens at a character; where to go on."""
    source = tokens.source
    head = _ANNOTATION.match(source, start)
    assert head is not None
    name = head[1] if head[2] is None else decode_name(tokens, head[2], start + 2)
    if not name:
        raise tokens.error("empty annotation id", start)
    body = Tokens(source)
    at, depth = head.end(), 1
    while depth:
        for match in _TOKEN.finditer(source, at):
            at = match.end()
            text = match[match.lastindex or 0]
            begin = at - len(text)
            if text == "(":
                if source.startswith("(;", begin):
                    at = _skip_comment(tokens, begin)
                    break
                depth += 1
            elif text == ")":
                depth -= 1
                if depth == 0:
                    break
            elif text == END_OF_TEXT:
                raise tokens.error("unclosed annotation", start)
            elif match.lastindex == 2 and text not in _PUNCTUATION:
                raise _error(tokens, begin)
            body.texts.append(text)
            body.starts.append(begin)
    if name in KEPT_ANNOTATIONS:
        body.texts += (END_OF_TEXT, END_OF_TEXT)
        body.starts.extend((at - 1, at - 1))
        tokens.annotations.append(Annotation(name, len(tokens.texts), start, body))
    return at


def is_string(token: str) -> bool:
    """Whether a token is a string and nothing more."""
    return token.startswith('"') and _matches_string(token)


def _matches_string(token: str) -> bool:
    match = _STRING_START.match(token)
    return match is not None and match.end() == len(token) - 1


def decode_string(token: str) -> bytes:
    """The bytes that a string token stands for. Raises ValueError for an escaped character that does not exist."""
    if "\\" not in token:
        return token[1:-1].encode()
    parts: list[bytes] = []
    end = 1
    for escape in _ESCAPE.finditer(token):
        if escape.start() > end:
            parts.append(token[end : escape.start()].encode())
        end = escape.end()
        byte, character, single = escape.groups()
        if byte:
            parts.append(bytes.fromhex(byte))
        elif single:
            parts.append(_ESCAPED[single])
        else:
            parts.append(_character(character).encode())
    parts.append(token[end:-1].encode())
    return b"".join(parts)


def _character(digits: str) -> str:
    stripped = digits.replace("_", "").lstrip("0")
    code = int(stripped[:8] or "0", 16)
    if len(stripped) > 8 or code > 0x10FFFF or 0xD800 <= code < 0xE000:
        raise ValueError("not a Unicode scalar value")
    return chr(code)


def decode_name(tokens: Tokens, token: str, start: int) -> str:
    """The name that a string token at character `start` stands for."""
    try:
        return decode_string(token).decode()
    except UnicodeDecodeError as error:
        raise tokens.error("malformed UTF-8 encoding", start) from error
    except ValueError as error:
        raise tokens.error(f"illegal escape: {error}", start) from error
