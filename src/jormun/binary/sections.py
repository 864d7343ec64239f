"""Sections of a binary: where each begins and ends (core specification, sections 5.5.2 and 5.5.16).

To be compiled by mypyc.
"""

from __future__ import annotations

from jormun import limits
from jormun.errors import MalformedError
from jormun.hints import Final, Iterator
from jormun.syntax.leb128 import UNEXPECTED_END, read_u32
from jormun.syntax.preamble import COMPONENT_VERSION, MAGIC, VERSION, looks_like_text
from jormun.syntax.section import PLACES, SectionId


class Section:
    """A section: its contents are the bytes from `start` to `end`; its header begins at `offset`."""

    __slots__ = ("end", "id", "offset", "start")

    def __init__(self, id: SectionId, offset: int, start: int, end: int) -> None:
        self.id: Final = id
        self.offset: Final = offset
        self.start: Final = start
        self.end: Final = end


def sections(data: bytes) -> Iterator[Section]:
    """The sections of a module, in order. Ids, order and sizes are checked, contents are not."""
    _check_header(data)
    at = len(MAGIC) + len(VERSION)
    last = 0
    while at < len(data):
        offset = at
        id = _IDS.get(data[offset])
        if id is None:
            raise MalformedError(f"malformed section id {data[offset]}", offset=offset)
        size_bytes, start = read_u32(data, offset + 1)
        if size_bytes > len(data) - start:
            left = len(data) - start
            raise MalformedError(f"length out of bounds: a section of {size_bytes} bytes, {left} left", offset=offset)
        place = PLACES[id.value]
        if place:
            if place <= last:
                raise MalformedError(f"unexpected content after last section: {id} section", offset=offset)
            last = place
        at = start + size_bytes
        yield Section(id, offset, start, at)


_IDS: dict[int, SectionId] = {id.value: id for id in SectionId}


def _check_header(data: bytes) -> None:
    if len(data) > limits.MODULE_SIZE_BYTES:
        raise MalformedError(f"module too large: {len(data)} bytes, the limit is {limits.MODULE_SIZE_BYTES}", offset=0)
    if not data.startswith(MAGIC):
        if looks_like_text(data):
            raise MalformedError("magic header not detected: this looks like the text format", offset=0)
        if len(data) < len(MAGIC):
            raise MalformedError(UNEXPECTED_END, offset=len(data))
        raise MalformedError("magic header not detected", offset=0)
    version = data[4:8]
    if len(version) < len(VERSION):
        raise MalformedError(UNEXPECTED_END, offset=len(data))
    if version == COMPONENT_VERSION:
        raise MalformedError("unknown binary version: this is a component, not a module", offset=4)
    if version != VERSION:
        raise MalformedError(f"unknown binary version {int.from_bytes(version, 'little'):#x}", offset=4)
