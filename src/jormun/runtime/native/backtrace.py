"""Which guest functions were running when a guest trapped, read from its stack by frame pointers.

Frames of all activations of a thread are one chain: `jormun_enter` continues the chain of the guest that called the
host. Every address is checked against the stack before it is read; a damaged chain ends the walk and nothing worse.
"""

from __future__ import annotations

from jormun.hints import Callable
from jormun.runtime import layout
from jormun.runtime.native import pages
from jormun.runtime.native.code import Place
from jormun.runtime.native.stacks import GuestStack
from jormun.runtime.native.x86_64 import has_frame

_MAX_FRAMES_READ = 100_000
"""Bounds a walk through frames that belong to no function."""


def walk(stack: GuestStack, find: Callable[[int], Place | None], limit: int) -> tuple[list[Place], bool]:
    """The places of the innermost `limit` guest functions, innermost first, and whether there are more.

    Taken right after a trap: the stack below the activation is as the trap left it until the next one begins.
    """
    reader = _Reader(stack)
    places: list[Place] = []
    called: Place | None = None
    pc, fp = stack.field(layout.CONTEXT_TRAP_PC), stack.field(layout.CONTEXT_TRAP_FP)
    sp = stack.field(layout.CONTEXT_TRAP_SP)
    place = find(pc) if pc else None
    if pc and (place is None or not has_frame(pages.read_bytes(place.start, pc - place.start))):
        # The function has no frame yet, or the fault came in memmove: the return address is on top, the caller's frame
        # is the innermost one.
        if place is not None and place.function_index is not None:
            places.append(place)
            called = place
        place = _caller(find, reader.word(sp))
    for _ in range(_MAX_FRAMES_READ):
        if place is not None and place.function_index is not None:
            if called is None or not called.is_same_call(place):
                if len(places) == limit:
                    return places, True
                places.append(place)
            called = place
        next_fp = reader.word(fp)
        place = _caller(find, reader.word(fp + 8))
        if next_fp <= fp:  # frames lie ever higher; 0 ends the chain
            break
        fp = next_fp
    return places, False


def _caller(find: Callable[[int], Place | None], return_address: int) -> Place | None:
    """The function that a call returns to: the call is right before that address."""
    return find(return_address - 1) if return_address else None


class _Reader:
    """Reads words of one guest stack, 0 for addresses outside of it."""

    def __init__(self, stack: GuestStack) -> None:
        self._words = stack.words
        self._base = stack.context

    def word(self, address: int) -> int:
        """The word at `address`."""
        offset = address - self._base
        if offset & 7 or not layout.STACK_LIMIT <= offset <= layout.STACK_BLOCK_BYTES - 8:
            return 0
        return self._words[offset >> 3]
