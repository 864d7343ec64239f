"""Printing undoes parsing: any module, whatever its names, is the same when its text is parsed."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jormun import limits
from jormun.dataclass import replace
from jormun.errors import InvalidError, MalformedError
from jormun.syntax.expression import Expr, Source
from jormun.syntax.function import Function
from jormun.syntax.module import Custom, Module
from jormun.syntax.names import NAME_SECTION, Names, Subsection, encode_names
from jormun.text.annotations import last_section
from jormun.text.module import parse_module
from jormun.text.printer import print_module
from jormun.types import I32, ExternKind, FuncType, RecType, StructType, SubType
from tests.strategies import modules
from tests.text.canonical import canonical

_slow = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
_EMPTY = Expr(b"\x0b")
_NO_FUNCTION = RecType((SubType(True, (), FuncType((), ())),))


def sayable(module: Module) -> Module:
    """The module without what no valid one has and text cannot say: a table that starts as the result of nothing."""
    return replace(module, tables=tuple(replace(t, init=None) if t.init == _EMPTY else t for t in module.tables))


@_slow
@given(modules())
def test_modules_survive(module: Module) -> None:
    """Any well-formed module, valid or not, is parsed from its text."""
    module = canonical(sayable(module))
    parsed = parse_module(print_module(module))
    # Text that needs a data count section gets one.
    assert parsed == replace(module, has_data_count=parsed.has_data_count)
    assert parsed.has_data_count or not module.has_data_count


_hostile = st.text(max_size=4) | st.sampled_from(
    ["", "a", "b", "a b", ";)", '"', "\\", "(", "\n", "\0", "\u202e", "$", "0", "(;"]
)


def _counts(module: Module) -> dict[Subsection, int]:
    """How many entries each index space has."""
    imported = {kind: len(module.imported(kind)) for kind in ExternKind}
    return {
        Subsection.FUNCTION: imported[ExternKind.FUNC] + len(module.functions),
        Subsection.TYPE: sum(len(group.subtypes) for group in module.types),
        Subsection.TABLE: imported[ExternKind.TABLE] + len(module.tables),
        Subsection.MEMORY: imported[ExternKind.MEMORY] + len(module.memories),
        Subsection.GLOBAL: imported[ExternKind.GLOBAL] + len(module.globals),
        Subsection.TAG: imported[ExternKind.TAG] + len(module.tags),
        Subsection.ELEMENT: len(module.elements),
        Subsection.DATA: len(module.datas),
    }


@st.composite
def named_modules(draw: st.DrawFn, slack: int) -> Module:
    """Modules with names for some of what they have, and for up to `slack` things that they do not have."""
    module = canonical(sayable(replace(draw(modules()), customs=())))
    direct = {
        subsection: draw(st.dictionaries(st.integers(0, count - 1 + slack), _hostile, max_size=4))
        for subsection, count in _counts(module).items()
        if count + slack
    }
    definitions = [subtype.composite for group in module.types for subtype in group.subtypes]
    fields = {
        index: draw(st.dictionaries(st.integers(0, len(t.fields) - 1 + slack), _hostile, max_size=3))
        for index, t in enumerate(definitions)
        if isinstance(t, StructType) and len(t.fields) + slack
    }
    first = len(module.imported(ExternKind.FUNC))
    functions = range(first, first + len(module.functions))
    names = Names(
        draw(st.none() | _hostile),
        direct,
        {
            Subsection.FIELD: fields,
            Subsection.LOCAL: {i: draw(st.dictionaries(st.integers(0, slack), _hostile)) for i in functions if slack},
            Subsection.LABEL: {i: draw(st.dictionaries(st.integers(0, slack), _hostile)) for i in functions if slack},
        },
    )
    custom = Custom(NAME_SECTION, encode_names(names), last_section(module))
    return replace(module, customs=(custom,))


@_slow
@given(named_modules(0))
def test_names_survive(module: Module) -> None:
    """Names that are empty, used twice or of any characters come back, as identifiers or annotations."""
    text = print_module(module)
    parsed = parse_module(text)
    assert parsed.customs == module.customs or module.customs[0].data == b""
    assert "@custom" not in text or module.customs[0].data == b""


@_slow
@given(named_modules(3))
def test_name_sections_survive(module: Module) -> None:
    """A section with names for what is not there is kept as it is."""
    parsed = parse_module(print_module(module))
    assert parsed == replace(module, has_data_count=parsed.has_data_count)


@_slow
@given(st.binary(max_size=30), modules())
def test_broken_name_sections_survive(data: bytes, module: Module) -> None:
    """A section that is no name section, whatever is in it, is kept as it is."""
    module = canonical(sayable(replace(module, customs=(Custom(NAME_SECTION, data),))))
    parsed = parse_module(print_module(module))
    assert parsed.customs == module.customs


def test_labels_with_one_name() -> None:
    """A label that an inner one hides is written as a number."""
    text = "(func block $l block $l br 0 br 1 end br 0 end)"
    printed = print_module(parse_module(text))
    assert [line.strip() for line in printed.splitlines()][2:9] == [
        "(func (;0;) (type 0)", "block $l", "block $l", "br $l", "br 1", "end", "br $l",
    ]  # fmt: skip
    assert parse_module(printed) == parse_module(text)


def test_nesting() -> None:
    """100,000 nested blocks are printed, in a text that is not larger for its indentation."""
    depth = 100_000
    body = Expr(b"\x02\x40" * depth + b"\x0b" * (depth + 1))
    module = Module(types=(_NO_FUNCTION,), functions=(Function(0, (), body),))
    text = print_module(module)
    assert len(text) < 120 * 2 * depth
    assert parse_module(text) == module


def test_too_many_locals() -> None:
    """Runs of locals that would fill the memory when written out are refused."""
    functions = tuple(Function(0, ((limits.LOCALS, I32),), _EMPTY) for _ in range(300))
    with pytest.raises(InvalidError, match="locals"):
        print_module(Module(types=(_NO_FUNCTION,), functions=functions))


def test_long_signatures() -> None:
    """The text of many functions of one long type is in proportion to their binary."""
    long = RecType((SubType(True, (), FuncType((I32,) * 1000, ())),))
    functions = tuple(Function(0, (), _EMPTY) for _ in range(2000))
    assert len(print_module(Module(types=(long,), functions=functions))) < 200_000


def test_broken_code() -> None:
    """Code that does not decode is an error with its offset in the file."""
    function = Function(0, (), Expr(b"\x01\xff\x0b"), Source(offset=100))
    with pytest.raises(MalformedError, match="illegal opcode") as caught:
        print_module(Module(types=(_NO_FUNCTION,), functions=(function,)))
    assert caught.value.offset == 101


def test_a_large_module() -> None:
    """What is large is printed in one pass: quadratic time would not end."""
    count = 30
    body = Expr(b"\x41\x01\x1a" * 20_000 + b"\x0b")
    text = print_module(Module(types=(_NO_FUNCTION,), functions=(Function(0, (), body),) * count))
    assert text.count("drop") == 20_000 * count
