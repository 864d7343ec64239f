"""Golden tests: text files with a header that says what to run, and the expected output behind the text.

    ;;! run = "print"
    (module)
    ;;; (module
    ;;; )

`;;!` lines are TOML, `;;;` lines the expected output. `pytest --bless` rewrites those, so that a change of output shows
in review.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

_HEADER = ";;!"
_EXPECTED = ";;;"


@dataclass(frozen=True, slots=True)
class Golden:
    """A golden test: its header, the text between header and expectation, and what is expected."""

    path: Path
    header: dict[str, object]
    text: str
    expected: str

    def check(self, found: str, *, bless: bool) -> None:
        """Compare, or make what was found the expectation."""
        if bless:
            lines = [line for line in self.path.read_text().splitlines() if not line.startswith(_EXPECTED)]
            expectation = [f"{_EXPECTED} {line}".rstrip() for line in found.splitlines()]
            self.path.write_text("\n".join([*lines, *expectation]) + "\n")
        else:
            assert found.rstrip("\n") == self.expected, (
                f"{self.path.name}: run pytest --bless if this is as it should be"
            )


def read_golden(path: Path) -> Golden:
    """The golden test in a file."""
    lines = path.read_text().splitlines()
    header = [line.removeprefix(_HEADER) for line in lines if line.startswith(_HEADER)]
    expected = [line.removeprefix(_EXPECTED).removeprefix(" ") for line in lines if line.startswith(_EXPECTED)]
    text = [line for line in lines if not line.startswith(_EXPECTED)]
    return Golden(path, tomllib.loads("\n".join(header)), "\n".join(text) + "\n", "\n".join(expected))
