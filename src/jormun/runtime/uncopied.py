"""What belongs to one process, or to one instance, and is therefore neither copied nor pickled."""

from __future__ import annotations


def uncopied(what: str, instead: str) -> TypeError:
    """The error of who tries, which says what to do instead."""
    return TypeError(f"{what} is not copied or pickled: {instead}")
