"""Where in a file an error in a declaration is: what a section lists, types and exports for instance."""

from __future__ import annotations

from jormun.errors import InvalidError
from jormun.syntax.places import Places
from jormun.syntax.section import SectionId


def placed(error: InvalidError, places: Places, section: SectionId, index: int) -> InvalidError:
    """The error with the place of an entry of a section, unless it has a place already."""
    if error.offset is not None or error.line is not None:
        return error
    position = places.position(section, index)
    return InvalidError(
        error.message,
        function=error.function,
        offset=places.offset(section, index),
        line=None if position is None else position.line,
        column=None if position is None else position.column,
    )
