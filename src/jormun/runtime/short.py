"""Functions that run for a moment at most, which may keep the GIL meanwhile.

To release it and to take it again costs more than what such a function does. Whoever waits for the GIL waits no longer
for that; who wants to stop a guest need not stop this one.
"""

from __future__ import annotations

from jormun.hints import TYPE_CHECKING
from jormun.opcodes.atomics import NOTIFY, WAIT
from jormun.opcodes.signatures import Rule
from jormun.syntax.code import read_immediates, read_row
from jormun.types import ExternKind

if TYPE_CHECKING:
    from jormun.validation.module import ValidModule

_MOST_BYTES = 512
"""How much code a call may run through: each byte takes 10 ns at most (a division takes one byte), 1 on average."""
_MOST_READ_BYTES = 32 << 10
"""How much code is looked at in a module; at 5 MB/s."""
_LONG = frozenset({
    Rule.LOOP, Rule.TRY_TABLE, Rule.THROW, Rule.THROW_REF,
    Rule.CALL_INDIRECT, Rule.CALL_REF, Rule.RETURN_CALL_INDIRECT, Rule.RETURN_CALL_REF,
    Rule.MEMORY_GROW, Rule.MEMORY_FILL, Rule.MEMORY_COPY, Rule.MEMORY_INIT,
    Rule.TABLE_GROW, Rule.TABLE_FILL, Rule.TABLE_COPY, Rule.TABLE_INIT,
    Rule.REF_TEST, Rule.REF_CAST, Rule.BR_ON_CAST, Rule.BR_ON_CAST_FAIL,
    Rule.STRUCT_NEW, Rule.STRUCT_NEW_DEFAULT, Rule.ARRAY_NEW, Rule.ARRAY_NEW_DEFAULT, Rule.ARRAY_NEW_FIXED,
    Rule.ARRAY_NEW_DATA, Rule.ARRAY_NEW_ELEM, Rule.ARRAY_FILL, Rule.ARRAY_COPY, Rule.ARRAY_INIT_DATA,
    Rule.ARRAY_INIT_ELEM, NOTIFY, *WAIT.values(),
})  # fmt: skip
"""What goes on for longer, or may call anything."""
_CALLS = (Rule.CALL, Rule.RETURN_CALL)


def short_functions(valid: ValidModule) -> tuple[int, ...]:
    """The exported functions of which that is known: the indices, ascending."""
    reader = _Reader(valid)
    exported = {export.index for export in valid.module.exports if export.kind is ExternKind.FUNC}
    return tuple(index for index in sorted(exported) if reader.length_bytes(index, _MOST_BYTES) <= _MOST_BYTES)


class _Reader:
    """How much code calls of a module's functions run through at most."""

    def __init__(self, valid: ValidModule) -> None:
        self._functions = valid.module.functions
        self._first = valid.imported_function_count
        self._left_bytes = _MOST_READ_BYTES
        self._known: dict[int, int] = {}

    def length_bytes(self, func_index: int, most: int) -> int:
        """How much a call runs through, with what it calls; more than `most` if it is more, or is not known.

        A function that calls itself runs through more than any bound.
        """
        if func_index in self._known:
            return self._known[func_index]
        if func_index < self._first:
            return most + 1
        code = self._functions[func_index - self._first].body.code
        length = len(code)
        if length > min(most, self._left_bytes):
            return most + 1
        self._left_bytes -= length
        at = 0
        while at < len(code):
            row, at = read_row(code, at)
            immediates, at = read_immediates(code, at, row)
            if row.signature in _LONG:
                return most + 1
            if row.signature in _CALLS:
                callee = immediates[0]
                assert isinstance(callee, int)
                length += self.length_bytes(callee, most - length)
                if length > most:
                    return most + 1
        self._known[func_index] = length
        return length
