"""A line that says what takes so long, on standard error when that is a terminal."""

from __future__ import annotations

import sys
import time

from jormun.cli.report import is_terminal
from jormun.hints import Final, TracebackType

_INTERVAL_S: Final = 0.1
_DELAY_S: Final = 0.5
"""What is done before is not worth a line."""
_LARGE_BYTES: Final = 1 << 20
_ERASE: Final = "\r\x1b[K"


class Progress:
    """Shows `label: done/total` while work goes on, and nothing afterwards. A context manager.

    `update` is what Module.compile takes. Where nobody watches, nothing is written.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._is_watched = is_terminal(sys.stderr)
        self._is_shown = False
        self._next = time.monotonic() + _DELAY_S

    def update(self, done: int, total: int) -> None:
        """Tells how much is done; cheap enough to be called often."""
        if not self._is_watched:
            return
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _INTERVAL_S
        self.show(f"{self._label}: {done}/{total}")

    def announce(self, work: str, size_bytes: int) -> None:
        """Says what is about to be done with a file, when it is large enough to take a while."""
        if size_bytes >= _LARGE_BYTES:
            self.show(f"{work} {self._label} ({size_bytes / 1e6:.1f} MB)")

    def show(self, text: str) -> None:
        """Writes the line anew."""
        if self._is_watched:
            self._is_shown = True
            sys.stderr.write(f"{_ERASE}{text}")
            sys.stderr.flush()

    def close(self) -> None:
        """Takes the line away."""
        if self._is_shown:
            self._is_shown = False
            sys.stderr.write(_ERASE)
            sys.stderr.flush()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
