"""Who calls whom in a module, as far as it has been asked for, and who is worth compiling together."""

from __future__ import annotations

from collections.abc import Callable, Collection
from heapq import heappop, heappush

from jormun.opcodes.signatures import Rule
from jormun.runtime.tiering.settings import Tiering
from jormun.syntax.code import read_immediates, read_row
from jormun.validation.module import ValidModule

_CALLS = (Rule.CALL, Rule.RETURN_CALL)


class CallGraph:
    """The direct calls of a module's own functions. A body is read when its function is first asked about."""

    def __init__(self, valid: ValidModule) -> None:
        self._functions = valid.module.functions
        self._first = valid.imported_function_count
        self._callees: dict[int, tuple[int, ...]] = {}

    def size_bytes(self, func_index: int) -> int:
        """The size of a function's body."""
        return self._functions[func_index - self._first].body.size_bytes

    def callees(self, func_index: int) -> tuple[int, ...]:
        """The own functions that a function calls, without itself, in the order of their first calls."""
        callees = self._callees.get(func_index)
        if callees is None:
            callees = self._callees[func_index] = self._read(func_index)
        return callees

    def _read(self, func_index: int) -> tuple[int, ...]:
        code = self._functions[func_index - self._first].body.code
        found: dict[int, None] = {}
        at = 0
        while at < len(code):
            row, at = read_row(code, at)
            immediates, at = read_immediates(code, at, row)
            if row.signature in _CALLS:
                callee = immediates[0]
                if isinstance(callee, int) and callee >= self._first and callee != func_index:
                    found[callee] = None
        return tuple(found)


def unit_around(
    root: int,
    graph: CallGraph,
    settings: Tiering,
    spent: Callable[[int], int],
    callers: Collection[int],
    refused: Collection[int],
) -> list[int]:
    """The functions to compile with `root`, itself first, so that LLVM inlines what is hot.

    Those are callees, and theirs, that have spent enough or are small, hottest first; then those of `callers` that call
    one of them. `spent` says what a function has spent; `refused` are never among them.
    """
    unit = [root]
    seen = {root, *refused}
    left_bytes = settings.unit_bytes - graph.size_bytes(root)
    waiting: list[tuple[int, int, int]] = []

    def consider(func_index: int) -> None:
        for callee in graph.callees(func_index):
            if callee not in seen:
                seen.add(callee)
                size_bytes = graph.size_bytes(callee)
                heat = spent(callee)
                if heat >= settings.warm or size_bytes <= settings.small_bytes:
                    heappush(waiting, (-heat, size_bytes, callee))

    if left_bytes > 0:
        consider(root)
    while waiting:
        _, size_bytes, func_index = heappop(waiting)
        if size_bytes <= left_bytes:
            left_bytes -= size_bytes
            unit.append(func_index)
            consider(func_index)
    together = set(unit)
    for caller in sorted(callers, key=lambda caller: (-spent(caller), caller)):
        size_bytes = graph.size_bytes(caller)
        if caller not in seen and size_bytes <= left_bytes and not together.isdisjoint(graph.callees(caller)):
            left_bytes -= size_bytes
            unit.append(caller)
    return unit
