"""Texts become the same bytes as with wasmtime's parser, where that package is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from jormun.binary.decode import decode
from jormun.binary.encode import encode
from jormun.dataclass import replace
from jormun.errors import MalformedError
from jormun.syntax.module import Module
from jormun.text.lexer import decode_text
from jormun.text.script import AssertInvalid, AssertUnlinkable, DefineModule, TextModule
from jormun.text.script_parser import parse_script
from tests.shared import name_of, needs_shared, scripts

wasmtime = pytest.importorskip("wasmtime", reason="wasmtime is not installed")

DIFFERENT = {
    # It takes a type of a group, or one that is not final, for a signature, or adds one where there is one already.
    "type-rec.wast",
    "type-subtyping.wast",
    # It gives no data count section to a module whose constants use data segments, which is not valid.
    "array.wast",
}


def comparable(module: Module) -> Module:
    """The module without names: it names the parameters of types too, in a subsection of its own."""
    return replace(module, customs=tuple(custom for custom in module.customs if custom.name != "name"))


@needs_shared
@pytest.mark.slow
@pytest.mark.parametrize("path", [p for p in scripts() if "legacy" not in p.parts], ids=name_of)
def test_modules_are_equal(path: Path) -> None:
    """What it accepts, we accept, and both mean the same module."""
    if path.name in DIFFERENT:
        pytest.skip("known to differ, for the reason given")
    for command in parse_script(decode_text(path.read_bytes())):
        match command:
            case DefineModule(line, source) | AssertUnlinkable(line, source) | AssertInvalid(line, source, _, False):
                pass
            case _:
                continue
        if not isinstance(source, TextModule):
            continue
        text = source.text.replace("(module definition", "(module", 1)
        try:
            theirs = decode(bytes(wasmtime.wat2wasm(text)))
        except (wasmtime.WasmtimeError, MalformedError):
            continue
        ours = decode(encode(source.parse()))
        assert comparable(ours) == comparable(theirs), f"{path}:{line}"
