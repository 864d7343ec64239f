"""Tokens: what they are, where they stand, and what is none."""

from __future__ import annotations

import pytest

from jormun.errors import MalformedError
from jormun.text.lexer import decode_string, decode_text, tokenize


def texts(source: str) -> list[str]:
    """The tokens of a text, without the two that mark its end."""
    tokens = tokenize(source).texts
    assert tokens[-2:] == ["", ""]
    return tokens[:-2]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", []),
        ("(module)", ["(", "module", ")"]),
        ("a(b)c", ["a", "(", "b", ")", "c"]),
        ("a;;b\nc", ["a", "c"]),
        ("a;;b\rc;;d\r\ne", ["a", "c", "e"]),
        ("a(;b;)c", ["a", "c"]),
        ("a(;(;b;)(;;);)c", ["a", "c"]),
        ("(;;;)a", ["a"]),
        ("(;(;)(;;)a;)b;)c", ["c"]),
        ('"a b"', ['"a b"']),
        ('"\\"" ";;" "(;"', ['"\\""', '";;"', '"(;"']),
        ('$"a b"', ['$"a b"']),
        ('a"b"c', ['a"b"c']),
        ('"a""b"', ['"a""b"']),
        ("a,b", ["a", ",", "b"]),
        ('(@a b (c) ")" (; ) ;) d) e', ["e"]),
        ("(@a(@)(@ b)) e", ["e"]),
        ("+0x1_2.3p-4", ["+0x1_2.3p-4"]),
    ],
)
def test_tokens(source: str, expected: list[str]) -> None:
    """White space, comments and unknown annotations divide tokens and are gone."""
    assert texts(source) == expected


@pytest.mark.parametrize(
    ("source", "message", "line", "column"),
    [
        ("\u00e9", "illegal character", 1, 1),
        ("ab\n \x00", "illegal character", 2, 2),
        ("\x7f", "illegal character", 1, 1),
        ('"ab', "unclosed string", 1, 1),
        ('a "b\n"', "unclosed string", 1, 3),
        ('"\x01"', "illegal control character in string literal", 1, 2),
        ('"a\\q"', "illegal escape", 1, 3),
        ("(;", "unclosed comment", 1, 1),
        ("\n(; (; ;)", "unclosed comment", 2, 1),
        ("(@)", "empty annotation id", 1, 1),
        ('(@"")', "empty annotation id", 1, 1),
        ('(@"\\ef")', "malformed UTF-8 encoding", 1, 3),
        ("(@a (b)", "unclosed annotation", 1, 1),
        ("(@a \u00e9)", "illegal character", 1, 5),
        ('(@a "b)', "unclosed string", 1, 5),
        ('$"a\nb"', "empty identifier", 1, 1),
        ('(data "\ud800")', "malformed UTF-8 encoding", 1, 8),
    ],
)
def test_errors(source: str, message: str, line: int, column: int) -> None:
    """What is no token is an error with the standard's words, and its place."""
    with pytest.raises(MalformedError) as caught:
        tokenize(source)
    assert caught.value.message.startswith(message)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_positions() -> None:
    """Lines end in a newline, a carriage return, or both, which then count once."""
    tokens = tokenize("a\n b\r  c\r\n   d")
    places = [tokens.position(start) for start in tokens.starts[:4]]
    assert [(place.line, place.column) for place in places] == [(1, 1), (2, 2), (3, 3), (4, 4)]


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ('""', b""),
        ('"a"', b"a"),
        ('"\\t\\n\\r\\"\\\'\\\\"', b"\t\n\r\"'\\"),
        ('"\\00\\ff\\Fe"', b"\x00\xff\xfe"),
        ('"\\u{41}\\u{1_F600}"', b"A\xf0\x9f\x98\x80"),
        ('"\u00e9\\00\u00e9"', b"\xc3\xa9\x00\xc3\xa9"),
    ],
)
def test_strings(token: str, expected: bytes) -> None:
    """Escapes stand for bytes, characters for their UTF-8."""
    assert decode_string(token) == expected


@pytest.mark.parametrize("token", ['"\\u{d800}"', '"\\u{110000}"', '"\\u{ffffffffffffffffffff}"'])
def test_characters_that_do_not_exist(token: str) -> None:
    """Surrogates and what is beyond Unicode are no characters."""
    with pytest.raises(ValueError, match="scalar value"):
        decode_string(token)


def test_text_that_is_not_utf8() -> None:
    """Bytes that are no text are an error with their place."""
    with pytest.raises(MalformedError) as caught:
        decode_text("(;\u00e9\n\u00e9".encode() + b"\xff")
    assert caught.value.message == "malformed UTF-8 encoding"
    assert (caught.value.line, caught.value.column) == (2, 2)
