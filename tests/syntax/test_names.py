"""The name section: names survive, and a broken section costs the names behind the break and no more."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jormun.syntax.module import Custom, Module
from jormun.syntax.names import Names, Subsection, decode_names, encode_names, names_of
from tests.strategies import indices

INDIRECT = [Subsection.LOCAL, Subsection.LABEL, Subsection.FIELD]
DIRECT = [subsection for subsection in Subsection if subsection not in INDIRECT and subsection is not Subsection.MODULE]

maps = st.dictionaries(indices, st.text(max_size=5), min_size=1, max_size=3)
all_names = st.builds(
    Names,
    st.none() | st.text(max_size=5),
    st.dictionaries(st.sampled_from(DIRECT), maps, max_size=4),
    st.dictionaries(st.sampled_from(INDIRECT), st.dictionaries(indices, maps, min_size=1, max_size=3), max_size=3),
)


@given(all_names)
def test_names_survive(names: Names) -> None:
    """Names are read back from the section that says them."""
    assert decode_names(encode_names(names)) == names


@given(all_names, st.data())
def test_a_broken_section_is_read_in_part(names: Names, data: st.DataObject) -> None:
    """No bytes raise an error, and a section that is cut off gives no name that the whole does not give."""
    encoded = encode_names(names)
    cut = decode_names(encoded[: data.draw(st.integers(0, len(encoded)))])
    for subsection, found in cut.direct.items():
        assert found.items() <= names.of(subsection).items()
    decode_names(data.draw(st.binary(max_size=30)))


def test_names_before_a_break_are_kept() -> None:
    """A name that is not UTF-8 ends its subsection; names before it and other subsections stay."""
    found = decode_names(b"\x01\x07\x02\x00\x01f\x01\x01\xff" + b"\x63\x01\x00" + b"\x00\x02\x01m")
    assert found == Names("m", {Subsection.FUNCTION: {0: "f"}})


def test_huge_counts_cost_nothing() -> None:
    """A map that says to have 2**32 - 1 names ends where the bytes do."""
    assert not decode_names(b"\x01\xff\xff\xff\xff\x0f" + b"\xff\xff\xff\xff\x0f").of(Subsection.FUNCTION)


def test_names_are_found_in_a_module() -> None:
    """The section by the name of 'name' counts, wherever it stands; a module without one has no names."""
    names = Names("m", {Subsection.FUNCTION: {2: "f"}})
    assert names_of(Module(customs=(Custom("other", b""), Custom("name", encode_names(names))))) == names
    assert not names_of(Module())
