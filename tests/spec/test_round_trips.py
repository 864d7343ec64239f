"""Every module of the standard's scripts is the same when it is printed and parsed, or encoded and decoded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jormun.binary.decode import decode
from jormun.binary.encode import encode
from jormun.errors import MalformedError
from jormun.syntax.module import Module
from jormun.text.lexer import decode_text
from jormun.text.module import parse_module
from jormun.text.printer import print_module
from jormun.text.script import (
    AssertInvalid,
    AssertMalformed,
    AssertTrap,
    AssertUnlinkable,
    BinaryModule,
    DefineModule,
    QuoteModule,
    TextModule,
)
from jormun.text.script_parser import parse_script
from tests.shared import name_of, needs_shared, scripts
from tests.text.canonical import canonical

OTHER_STANDARD = {"legacy"}
"""Folders whose scripts are not of WebAssembly 3.0."""
ANNOTATION_ERRORS = {"@metadata.code.branch_hint annotation: invalid target"}


def modules(path: Path) -> Iterator[tuple[int, Module]]:
    """The modules of a script that are not malformed, with their lines."""
    for command in parse_script(decode_text(path.read_bytes())):
        match command:
            case DefineModule(line, source) | AssertUnlinkable(line, source) | AssertInvalid(line, source):
                is_bad = isinstance(command, AssertInvalid)
            case AssertTrap(line, TextModule() | BinaryModule() | QuoteModule() as source):
                is_bad = False
            case AssertMalformed():
                continue
            case _:
                continue
        try:
            yield line, decode(source.data) if isinstance(source, BinaryModule) else source.parse()
        except MalformedError as error:
            assert is_bad and error.message in ANNOTATION_ERRORS, f"{path}:{line}: {error}"


@needs_shared
@pytest.mark.parametrize("path", [p for p in scripts() if not OTHER_STANDARD & set(p.parts)], ids=name_of)
def test_modules_survive(path: Path) -> None:
    """Printing and parsing give an equal module, and so do encoding and decoding."""
    for line, module in modules(path):
        assert decode(encode(module)) == module, f"{path}:{line}"
        try:
            module = canonical(module)
        except MalformedError:
            continue  # Code that only a validator finds malformed: it cannot be printed.
        assert parse_module(print_module(module)) == module, f"{path}:{line}"
