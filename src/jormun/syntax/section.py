"""Sections of the binary format: their ids and the order in which they stand (core specification, section 5.5.2).

Here, below both formats, because custom sections are placed by them in the text format too.
"""

from __future__ import annotations

from jormun.enumeration import Enum, unique


@unique
class SectionId(Enum):
    """A section; the value is its id. Members are in the order in which sections stand in a file."""

    CUSTOM = 0
    """Stands anywhere, any number of times."""
    TYPE = 1
    IMPORT = 2
    FUNCTION = 3
    TABLE = 4
    MEMORY = 5
    TAG = 13
    GLOBAL = 6
    EXPORT = 7
    START = 8
    ELEMENT = 9
    DATA_COUNT = 12
    CODE = 10
    DATA = 11

    def __str__(self) -> str:
        return self.name.lower().replace("_", " ")


PLACES: dict[int, int] = {section.value: place for place, section in enumerate(SectionId)}
"""The place in the order of sections, by id; 0 is that of custom sections."""
