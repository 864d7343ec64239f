"""Marks on semantics functions that say nothing in the vocabulary of ops.py: the row's docstring is its meaning."""

from __future__ import annotations

from jormun.hints import Callable, TypeVar

F = TypeVar("F", bound=Callable[[], None])

STRUCTURAL: set[Callable[[], None]] = set()
"""About a function's shape (labels, calls, operands that are only moved): engines handle these themselves."""


def structural(semantics: F) -> F:
    """Mark as `STRUCTURAL`."""
    STRUCTURAL.add(semantics)
    return semantics
