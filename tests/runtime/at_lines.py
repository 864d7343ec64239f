"""Calls something in the middle of other code, at each of its lines, as Python calls handlers of signals."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TypeAlias

import jormun

_PACKAGE = Path(jormun.__file__).parent

Trace: TypeAlias = Callable[[FrameType, str, object], object]
Line: TypeAlias = tuple[str, int]


class AtLines:
    """Calls `handler` at lines of some folders of ours: each time that `pick` says so, with the line."""

    def __init__(
        self, handler: Callable[[], None], pick: Callable[[Line], bool], folders: tuple[str, ...] = ("runtime",)
    ) -> None:
        self._folders = tuple(str(_PACKAGE / folder) for folder in folders)
        self._handler = handler
        self._pick = pick
        # Python calls what was set even if a garbage collection in the middle of that has unset it, and freed it.
        self._entering: Trace = self._enter
        self._stepping: Trace = self._step
        self.errors: list[str] = []
        """What it raised, and where it was called."""

    def run(self, body: Callable[[], None]) -> None:
        """Run `body` so."""
        before = sys.gettrace()
        sys.settrace(self._entering)
        try:
            body()
        finally:
            sys.settrace(before)

    def _enter(self, frame: FrameType, event: str, argument: object) -> object:
        return self._stepping if frame.f_code.co_filename.startswith(self._folders) else None

    def _step(self, frame: FrameType, event: str, argument: object) -> object:
        if event == "line":
            line = Path(frame.f_code.co_filename).name, frame.f_lineno
            if self._pick(line):
                try:
                    self._handler()  # which is not traced: this is
                except Exception as error:
                    self.errors.append(f"{line}: {error!r}")
        return self._stepping


def first_times() -> Callable[[Line], bool]:
    """Picks each line once."""
    seen: set[Line] = set()

    def pick(line: Line) -> bool:
        if line in seen:
            return False
        seen.add(line)
        return True

    return pick
