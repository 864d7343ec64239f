"""What a module is made from: a path, bytes or text. The run time is not needed for it, nor imported."""

from __future__ import annotations

import os
import stat
from os import PathLike

from jormun.api.contents import Contents
from jormun.cache.digests import file_stamp, stamp_of
from jormun.errors import MalformedError
from jormun.features import DEFAULT_FEATURES, Features
from jormun.folder import READING
from jormun.hints import TYPE_CHECKING, TypeAlias
from jormun.syntax.preamble import ARTIFACT_MAGIC, looks_like_text

if TYPE_CHECKING:
    from typing import TypeGuard

    from jormun.syntax.module import Module

Source: TypeAlias = str | PathLike[str] | bytes | bytearray | memoryview
"""A path, the bytes of a module (binary or text), or WAT text."""


def read_module(source: Source, features: Features = DEFAULT_FEATURES) -> Module:
    """The module that a source is, decoded or parsed, not validated. Raises MalformedError and OSError."""
    return decode_module(read_contents(source).data, features)


def is_path(source: Source) -> TypeGuard[str | PathLike[str]]:
    """Whether a source is the path of a file, and not the module itself."""
    if isinstance(source, str):
        return not looks_like_text(source.encode(errors="replace"))
    return isinstance(source, PathLike)


def read_contents(source: Source) -> Contents:
    """What is in a source. Raises OSError, and MalformedError for text that is not Unicode."""
    if isinstance(source, bytes):
        return Contents(source)
    if isinstance(source, (bytearray, memoryview)):
        return Contents(bytes(source))
    if is_path(source):
        return read_file(source)
    if isinstance(source, str):
        try:
            return Contents(source.encode())
        except UnicodeEncodeError as error:
            raise MalformedError(f"malformed UTF-8 encoding: {error}") from None
    raise TypeError(f"a module is made from a path, bytes or WAT text, not {type(source).__name__}")


def read_file(path: str | PathLike[str]) -> Contents:
    """The contents of a file. Raises OSError."""
    with open(path, "rb", buffering=0) as file:
        stamp = file_stamp(file.fileno())
        data = file.readall()
        return Contents(data, stamp_of(data, file.fileno(), stamp))


def is_artifact(path: str | PathLike[str]) -> bool:
    """Whether a file begins as artifacts do. False for what cannot be read: the error is for who does."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return False  # a pipe is not even opened, since its writer would see that it is closed again
        fd = os.open(path, READING)
    except OSError:
        return False
    try:
        return os.read(fd, len(ARTIFACT_MAGIC)) == ARTIFACT_MAGIC
    except OSError:
        return False
    finally:
        os.close(fd)


def decode_module(data: bytes, features: Features = DEFAULT_FEATURES, is_trusted: bool = False) -> Module:
    """The module in the bytes of a source, decoded or parsed, not validated; `is_trusted` if it is known to be valid.
    Raises MalformedError.
    """
    if looks_like_text(data):
        from jormun.text.lexer import decode_text
        from jormun.text.module import parse_module

        return parse_module(decode_text(data))
    if data.startswith(ARTIFACT_MAGIC):
        raise MalformedError("not WebAssembly but machine code that `jormun compile` made, which is never run as one")
    from jormun.binary.decode import decode

    return decode(data, features, is_trusted)
