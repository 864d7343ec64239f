"""Which guest functions were running when a guest was left, by its trace (trace.py).

Frames of all activations of a thread are one chain: `jormun_enter` continues the chain of the guest that called the
host. A damaged chain ends the walk and nothing worse.
"""

from __future__ import annotations

from jormun.hints import Callable, Sequence
from jormun.runtime import layout
from jormun.runtime.native import pages
from jormun.runtime.native.code import Place
from jormun.runtime.native.x86_64 import has_frame


def walk(words: Sequence[int], find: Callable[[int], Place | None], limit: int) -> tuple[list[Place], bool]:
    """The places of the innermost `limit` guest functions that a trace names, innermost first, and whether there are
    more.
    """
    places: list[Place] = []
    called: Place | None = None
    pc = words[layout.TRACE_PC]
    place = find(pc) if pc else None
    if pc and (place is None or not has_frame(pages.read_bytes(place.start, pc - place.start))):
        # The function has no frame yet, or the fault came in memmove: the return address is on top, the caller's frame
        # is the innermost one.
        if place is not None and place.function_index is not None:
            places.append(place)
            called = place
        place = _caller(find, words[layout.TRACE_ON_TOP])
    for return_address in (*words[layout.TRACE_RETURNS :], 0):
        if place is not None and place.function_index is not None:
            if called is None or not called.is_same_call(place):
                if len(places) == limit:
                    return places, True
                places.append(place)
            called = place
        place = _caller(find, return_address)
    return places, len(words) == layout.TRACE_MOST_WORDS


def _caller(find: Callable[[int], Place | None], return_address: int) -> Place | None:
    """The function that a call returns to: the call is right before that address."""
    return find(return_address - 1) if return_address else None
