"""What a file begins with says which format it is in."""

from __future__ import annotations

import pytest

from jormun.syntax.preamble import MAGIC, VERSION, looks_like_text


@pytest.mark.parametrize("data", [b"(module)", b";; a comment", b" \t\r\n(", b" " * 100_000 + b"(", b"\xef\xbb\xbf ("])
def test_text_is_told_by_its_first_token(data: bytes) -> None:
    """However much white space there is before it, and behind a byte order mark, which the parser refuses."""
    assert looks_like_text(data)


@pytest.mark.parametrize("data", [b"", b"   ", MAGIC + VERSION, b"; (", b"x(module)", b"\x0b(module)"])
def test_all_else_is_no_text(data: bytes) -> None:
    """Other bytes, and white space that is none to WebAssembly."""
    assert not looks_like_text(data)
