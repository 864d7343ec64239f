"""Marks on semantics functions that say nothing in the vocabulary of ops.py: the row's docstring is its meaning."""

from __future__ import annotations

from jormun.hints import Callable, TypeVar

F = TypeVar("F", bound=Callable[[], None])

STRUCTURAL: set[Callable[[], None]] = set()
"""About a function's shape (labels, calls, operands that are only moved): engines handle these themselves."""
LATER: set[Callable[[], None]] = set()
"""Instructions whose semantics are still to be written: garbage-collected objects."""


def structural(semantics: F) -> F:
    """Mark as `STRUCTURAL`."""
    STRUCTURAL.add(semantics)
    return semantics


def later(semantics: F) -> F:
    """Mark as `LATER`."""
    LATER.add(semantics)
    return semantics
