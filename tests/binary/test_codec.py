"""The codec of modules: decoding undoes encoding, encoding undoes decoding, and the standard's scripts agree."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jormun.binary.decode import decode
from jormun.binary.encode import encode
from jormun.errors import MalformedError
from jormun.features import DEFAULT_FEATURES, Features
from jormun.syntax.mode import Active, Passive
from jormun.syntax.module import Custom, Element, Module
from jormun.types import FUNCREF
from tests.binary.scripts import claims
from tests.shared import name_of, needs_shared, programs, scripts
from tests.strategies import Operation, assemble, modules, operations

_slow = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)

# Errors of the code of functions, which the validator finds, and messages that follow from reading on into the next
# function or section, which this decoder does not.
OTHER_PHASE = {
    "malformed memop flags",
    "data count section required",
    "illegal opcode ff",
}
OTHER_WORDING = {"END opcode expected", "section size mismatch", "length out of bounds"}


@_slow
@given(modules())
def test_modules_survive(module: Module) -> None:
    """Any module that the format can say is read back, and gives the same bytes again."""
    data = encode(module)
    assert decode(data) == module
    assert encode(decode(data)) == data


@_slow
@given(modules())
def test_segments_that_are_decoded_later(module: Module) -> None:
    """Of a trusted module, data segments are as many as ever, and the same when they are looked at."""
    found = decode(encode(module), is_trusted=True).datas
    assert len(found) == len(module.datas)
    assert tuple(found) == module.datas
    assert found[:1] == module.datas[:1]


@_slow
@given(modules(), st.data())
def test_broken_modules_are_malformed(module: Module, data: st.DataObject) -> None:
    """Bytes changed, inserted or cut off give a module, or MalformedError with an offset inside of the file."""
    code = bytearray(encode(module))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(code)))
        change = data.draw(st.sampled_from(["replace", "insert", "cut"]))
        if change == "cut":
            del code[at : at + data.draw(st.integers(1, 4))]
        elif change == "insert" or at == len(code):
            code[at:at] = data.draw(st.binary(min_size=1, max_size=4))
        else:
            code[at] = data.draw(st.integers(0, 255))
    try:
        found = decode(bytes(code))
    except MalformedError as error:
        assert error.offset is not None and 0 <= error.offset <= len(code)
    else:
        assert decode(encode(found)) == found


@given(st.binary(max_size=40))
def test_junk_is_malformed(junk: bytes) -> None:
    """Any bytes behind a header give a module or MalformedError."""
    try:
        decode(b"\0asm\1\0\0\0" + junk)
    except MalformedError as error:
        assert error.offset is not None and 8 <= error.offset <= 8 + len(junk)


@needs_shared
@pytest.mark.parametrize("path", programs(), ids=name_of)
def test_programs_survive(path: Path) -> None:
    """A compiled program is read, and what is written is equal to it, and shorter by its long numbers alone."""
    data = path.read_bytes()
    module = decode(data)
    encoded = encode(module)
    assert len(encoded) <= len(data)
    assert decode(encoded) == module


@needs_shared
@pytest.mark.parametrize("path", [path for path in scripts() if next(claims(path), None)], ids=name_of)
def test_scripts_agree(path: Path) -> None:
    """Binary modules of a script are malformed where it says so, with its words, and survive otherwise."""
    features = Features(False, False, False) if "core" in path.parts else DEFAULT_FEATURES
    for claim in claims(path):
        try:
            module = decode(claim.data, features)
        except MalformedError as error:
            assert claim.command == "assert_malformed", claim
            assert error.message.startswith(claim.message) or claim.message in OTHER_WORDING, claim
        else:
            assert decode(encode(module), features) == module
            assert claim.command != "assert_malformed" or claim.message in OTHER_PHASE or _has_code(module), claim


def _has_code(module: Module) -> bool:
    """Whether there is code in which the validator may find what the script says."""
    return any(len(function.body.code) > 1 for function in module.functions)


def test_index_segments_of_nullable_type_become_expressions() -> None:
    """A list of function indices whose type admits null has no short form; it is written as expressions."""
    segment = Element(FUNCREF, (3, 200), Passive())
    found = decode(encode(Module(elements=(segment,)))).elements[0]
    assert found.type == FUNCREF
    assert [init.code for init in found.init if not isinstance(init, int)] == [b"\xd2\x03\x0b", b"\xd2\xc8\x01\x0b"]


def test_longer_forms_are_read_and_shortened() -> None:
    """A segment that spells out table 0 and its kind is the same as one that does not."""
    header = b"\0asm\1\0\0\0"
    long = decode(header + b"\x09\x09\x01\x02\x00\x41\x00\x0b\x00\x01\x07")
    short = header + b"\x09\x07\x01\x00\x41\x00\x0b\x01\x07"
    assert encode(long) == short and decode(short) == long
    assert isinstance(long.elements[0].mode, Active)


def test_custom_sections_stay_in_place() -> None:
    """Custom sections keep their order and their neighbours; an empty section is no neighbour."""
    data = b"\0asm\1\0\0\0" + b"\0\2\1a" + b"\1\1\0" + b"\0\2\1b" + b"\5\3\1\0\1" + b"\0\2\1c" + b"\0\3\1da"
    module = decode(data)
    assert module.customs == (Custom("a", b""), Custom("b", b""), Custom("c", b"", 5), Custom("d", b"a", 5))
    assert encode(module) == data[:12] + data[15:]


@given(operations())
def test_offsets_lead_back_to_the_file(found: list[Operation]) -> None:
    """A function's source says where in the file its body begins."""
    expr = assemble(found)
    data = b"\0asm\1\0\0\0\3\2\1\0"
    size = len(expr.code) + 1
    code = b"\1" + _u32(size) + b"\0" + expr.code
    module = decode(data + b"\x0a" + _u32(len(code)) + code)
    offset = module.functions[0].source.offset
    assert offset is not None
    assert (data + b"\x0a" + _u32(len(code)) + code)[offset:] == expr.code


def _u32(n: int) -> bytes:
    return bytes([n]) if n < 0x80 else bytes([n & 0x7F | 0x80]) + _u32(n >> 7)
