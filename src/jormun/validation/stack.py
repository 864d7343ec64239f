"""The vector that an operand stack is: of unboxed integers where this is compiled, a list where it is not.

Compiled code reads and writes a `vec` without making an object, plain Python does so with a list faster, and moves many
of its items at once. To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.hints import Final, i64

IS_COMPILED: Final = not __file__.endswith(".py")
"""setup.py tells mypyc that it is true, so that the other branches below are not compiled."""

if IS_COMPILED:
    from librt.vecs import extend
    from librt.vecs import vec as vec
else:
    vec = {i64: list}  # type: ignore[misc, assignment]


def put(operands: vec[i64], at: i64, types: list[int]) -> None:
    """Write `types` from place `at` on, where there is room for them."""
    if IS_COMPILED:
        for t in types:
            operands[at] = t
            at += 1
    else:
        operands[at : at + len(types)] = types  # type: ignore[assignment, index]


def is_on_top(operands: vec[i64], height: i64, types: list[int]) -> bool:
    """Whether the operands below `height` end in `types`. A FLOOR is none of them, so there may be fewer."""
    count: i64 = len(types)
    if IS_COMPILED:
        while count > 0 and operands[height - 1] == types[count - 1]:
            height -= 1
            count -= 1
        return count == 0
    return operands[height - count : height] == types  # type: ignore[comparison-overlap]


def with_room(operands: vec[i64], count: i64) -> vec[i64]:
    """The operands with so many places more."""
    if IS_COMPILED:
        return extend(operands, vec[i64]([0] * count))
    return operands + [0] * count  # type: ignore[operator, no-any-return]
