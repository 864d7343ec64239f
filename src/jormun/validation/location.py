"""Where in a file an error in a body or constant expression is."""

from __future__ import annotations

from bisect import bisect_right

from jormun.errors import InvalidError, MalformedError
from jormun.syntax.expression import Source
from jormun.syntax.leb128 import UNEXPECTED_END
from jormun.syntax.places import Position
from jormun.validation.control_stack import Body


def position_of(source: Source, offset: int) -> Position | None:
    """The place in the text of the instruction at an offset within the expression; None in a binary."""
    positions = source.positions
    if not positions:
        return None
    after = bisect_right(positions, offset, key=lambda entry: entry[0])
    return positions[max(after - 1, 0)][1]


def located(
    error: InvalidError | MalformedError, body: Body, source: Source, function: int | None, *, is_at_source: bool = True
) -> InvalidError | MalformedError:
    """The error with its place: that of the instruction at hand, or of the very byte when the code is malformed.

    `is_at_source` says whether the source's offset is that of the body, or of a segment that it is somewhere in.
    """
    if body.pc > body.length:
        # What was read past the end means nothing; that it is past the end does.
        error = MalformedError(UNEXPECTED_END, offset=body.length)
    position = position_of(source, body.start)
    line = None if position is None else position.line
    column = None if position is None else position.column
    if isinstance(error, MalformedError):
        at = body.start if error.offset is None else error.offset
        return MalformedError(error.message, offset=_offset(source, at, is_at_source), line=line, column=column)
    message = f"{error.message} (at {body.instruction})" if body.instruction else error.message
    return InvalidError(
        message, function=function, offset=_offset(source, body.start, is_at_source), line=line, column=column
    )


def _offset(source: Source, at: int, is_at_source: bool) -> int | None:
    if source.positions:
        return None
    base = source.offset or 0
    return base + at if is_at_source else base
