"""What a module is made from: a path, bytes or text. The run time is not needed for it, nor imported."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from jormun.features import DEFAULT_FEATURES, Features
from jormun.syntax.preamble import looks_like_text

if TYPE_CHECKING:
    from jormun.syntax.module import Module

Source: TypeAlias = str | PathLike[str] | bytes | bytearray | memoryview
"""A path, the bytes of a module (binary or text), or WAT text."""


def read_module(source: Source, features: Features = DEFAULT_FEATURES) -> Module:
    """The module that a source is, decoded or parsed, not validated. Raises MalformedError and OSError."""
    if isinstance(source, str) and looks_like_text(source.encode(errors="replace")):
        return _parse(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
    elif isinstance(source, (str, PathLike)):
        data = Path(source).read_bytes()
    else:
        raise TypeError(f"a module is made from a path, bytes or WAT text, not {type(source).__name__}")
    if looks_like_text(data):
        from jormun.text.lexer import decode_text

        return _parse(decode_text(data))
    from jormun.binary.decode import decode

    return decode(data, features)


def _parse(text: str) -> Module:
    from jormun.text.module import parse_module

    return parse_module(text)
