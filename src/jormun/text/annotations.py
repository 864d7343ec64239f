"""Custom sections and branch hints that a text declares by annotations (core specification, appendix 7.5 and 7.6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from jormun.errors import MalformedError
from jormun.syntax.leb128 import write_unsigned
from jormun.syntax.module import Custom, Module
from jormun.syntax.section import PLACES, SectionId
from jormun.text.cursor import Cursor, shorten
from jormun.text.lexer import END_OF_TEXT, Annotation, decode_name, is_string

SECTIONS = {
    "type": SectionId.TYPE,
    "import": SectionId.IMPORT,
    "func": SectionId.FUNCTION,
    "table": SectionId.TABLE,
    "memory": SectionId.MEMORY,
    "tag": SectionId.TAG,
    "global": SectionId.GLOBAL,
    "export": SectionId.EXPORT,
    "start": SectionId.START,
    "elem": SectionId.ELEMENT,
    "datacount": SectionId.DATA_COUNT,
    "code": SectionId.CODE,
    "data": SectionId.DATA,
}
"""Sections by the keywords that @custom annotations have for them, in the order in which a binary has them."""

AT_START = 0
AT_END = 2 * len(PLACES)
BEFORE_CODE = 2 * PLACES[SectionId.CODE.value]


def custom_sections(places: Iterable[tuple[int, str, bytes]], present: frozenset[int]) -> tuple[Custom, ...]:
    """Custom sections, given by place, name and data, in the order in which a binary has them.

    A place is twice that of a section before it, and one more behind it. `present` are the ids of the sections that the
    module has.
    """
    ordered = sorted(places, key=lambda custom: custom[0])
    return tuple(Custom(name, data, _last_before(place, present)) for place, name, data in ordered)


def present_sections(module: Module) -> frozenset[int]:
    """The ids of the sections that are not empty, and so are written."""
    contents: dict[SectionId, object] = {
        SectionId.TYPE: module.types,
        SectionId.IMPORT: module.imports,
        SectionId.FUNCTION: module.functions,
        SectionId.TABLE: module.tables,
        SectionId.MEMORY: module.memories,
        SectionId.TAG: module.tags,
        SectionId.GLOBAL: module.globals,
        SectionId.EXPORT: module.exports,
        SectionId.START: module.start is not None,
        SectionId.ELEMENT: module.elements,
        SectionId.DATA_COUNT: module.has_data_count,
        SectionId.CODE: module.functions,
        SectionId.DATA: module.datas,
    }
    return frozenset(section.value for section, content in contents.items() if content)


def last_section(module: Module) -> int:
    """The id of a module's last section that is not custom, 0 if there is none."""
    return _last_before(AT_END, present_sections(module))


def _last_before(place: int, present: frozenset[int]) -> int:
    """The id of the last present section before a place."""
    return max((id for id in present if 2 * PLACES[id] < place), key=PLACES.__getitem__, default=0)


def read_custom(annotation: Annotation) -> tuple[int, str, bytes]:
    """The place, name and data of a custom section."""
    body = Cursor(annotation.body, 0, ())
    token = body.texts[0]
    if not is_string(token):
        raise annotation.body.error("@custom annotation: missing section name", annotation.start)
    try:
        name = decode_name(body.tokens, token, body.tokens.starts[0])
    except MalformedError as error:
        raise MalformedError(f"@custom annotation: {error.message}", line=error.line, column=error.column) from error
    body.at = 1
    place = _read_place(body) if body.takes("(") else AT_END
    data = body.strings()
    if body.texts[body.at] != END_OF_TEXT:
        raise body.error(f"@custom annotation: unexpected token {shorten(body.texts[body.at])}")
    return place, name, data


def _read_place(body: Cursor) -> int:
    word = body.texts[body.at]
    if word not in ("before", "after"):
        raise body.error("@custom annotation: malformed placement")
    section = body.texts[body.at + 1]
    if (word, section) == ("before", "first"):
        place = AT_START
    elif (word, section) == ("after", "last"):
        place = AT_END
    elif section in SECTIONS:
        place = 2 * PLACES[SECTIONS[section].value] + (word == "after")
    else:
        raise body.error("@custom annotation: malformed section kind")
    body.at += 2
    if not body.takes(")"):
        raise body.error("@custom annotation: unexpected token")
    return place


def place_of(after: int) -> str:
    """The placement that puts a custom section behind the section with an id; '' for the end of the module."""
    if after == 0:
        return "(before first)"
    return next(f"(after {keyword})" for keyword, section in SECTIONS.items() if section.value == after)


def branch_hint_section(hints: Mapping[int, Sequence[tuple[int, int]]]) -> bytes:
    """The contents of the section that holds the branch hints of functions, by function index.

    A hint is the offset of an instruction in its function's body, locals counted, and 0 (unlikely) or 1 (likely).
    """
    out = bytearray()
    write_unsigned(out, len(hints))
    for function, entries in sorted(hints.items()):
        write_unsigned(out, function)
        write_unsigned(out, len(entries))
        for offset, hint in entries:
            write_unsigned(out, offset)
            out += bytes([1, hint])
    return bytes(out)
