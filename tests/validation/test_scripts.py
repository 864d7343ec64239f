"""The standard's test scripts and the corpus: what they call valid is, and what they call invalid is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from jormun.binary.decode import decode
from jormun.errors import InvalidError, MalformedError
from jormun.syntax.module import Module
from jormun.text.script import AssertInvalid, AssertMalformed, BinaryModule, Command, DefineModule, ModuleSource, Thread
from jormun.text.script_parser import parse_script
from jormun.validation.module import validate

from ..shared import name_of, needs_shared, programs, scripts

OUTDATED = ("multiple memories", "multiple tables")
"""What scripts of proposals still call invalid, and WebAssembly 3.0 does not."""


def checked_scripts() -> list[Path]:
    """All scripts but those of legacy exceptions, which are no part of WebAssembly 3.0."""
    return [path for path in scripts() if "legacy" not in path.parts]


def module_of(source: ModuleSource) -> Module:
    return decode(source.data) if isinstance(source, BinaryModule) else source.parse()


def flat(commands: Iterable[Command]) -> Iterator[Command]:
    for command in commands:
        yield command
        if isinstance(command, Thread):
            yield from flat(command.commands)


def complaint(command: Command) -> str | None:
    """What is wrong with the verdict on a command's module."""
    match command:
        case DefineModule():
            try:
                validate(module_of(command.module))
            except (MalformedError, InvalidError) as error:
                return f"rejected: {error}"
        case AssertInvalid(is_custom=False) if command.message not in OUTDATED:
            module = module_of(command.module)
            try:
                validate(module)
            except InvalidError as error:
                return None if error.message.startswith(command.message) else f"not {command.message!r}: {error}"
            return f"accepted, {command.message!r} expected"
        case AssertMalformed(is_custom=False):
            try:
                validate(module_of(command.module))
            except MalformedError:
                return None
            except InvalidError as error:
                # Scripts of older proposals call 2**32 pages malformed; 64-bit memories made that number well-formed.
                return None if "memory size" in error.message else f"invalid, not malformed: {error}"
            return f"accepted, {command.message!r} expected"
    return None


@needs_shared
@pytest.mark.parametrize("path", checked_scripts(), ids=name_of)
def test_script(path: Path) -> None:
    """Modules validate, and errors have the wording that the script expects."""
    commands = parse_script(path.read_text(encoding="utf-8"))
    complaints = [f"line {command.line}: {said}" for command in flat(commands) if (said := complaint(command))]
    assert complaints == []


@needs_shared
@pytest.mark.parametrize("path", programs(), ids=name_of)
def test_program(path: Path) -> None:
    """Real programs are valid."""
    validate(decode(path.read_bytes()))
