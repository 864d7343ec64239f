"""Exceptions for traps, with backtraces (core specification, section 4.2.1)."""

from __future__ import annotations

from jormun.errors import ExhaustionError, Frame, Trap, TrapKind, WasmError
from jormun.hints import Protocol, Sequence, runtime_checkable
from jormun.runtime.native.code import Place

MAX_BACKTRACE_FRAMES = 100
"""The innermost frames that a backtrace has; recursion that exhausts the stack is 100,000 deep and more."""
_EXHAUSTIONS = (TrapKind.STACK_EXHAUSTED,)


@runtime_checkable
class CodeOwner(Protocol):
    """What loads code: it knows the names of the functions."""

    def frame(self, function_index: int) -> Frame:
        """Says which function that is."""


def frames(places: Sequence[Place]) -> tuple[Frame, ...]:
    """The frames for places in guest functions."""
    return tuple(map(_frame, places))


def make_trap(kind: TrapKind, places: Sequence[Place], is_cut: bool) -> Trap:
    """The exception for a guest that trapped. `is_cut` says that there were more frames than `places`."""
    trap = (ExhaustionError if kind in _EXHAUSTIONS else Trap)(kind, frames(places))
    note_cut(trap, is_cut)
    return trap


def note_cut(trap: WasmError, is_cut: bool) -> None:
    """Say in the traceback when the backtrace does not hold all frames."""
    if is_cut:
        trap.add_note(f"the WebAssembly backtrace holds the innermost {MAX_BACKTRACE_FRAMES} frames of more")


def _frame(place: Place) -> Frame:
    assert place.function_index is not None
    if isinstance(place.owner, CodeOwner):
        return place.owner.frame(place.function_index)
    return Frame(None, place.function_index, None)
