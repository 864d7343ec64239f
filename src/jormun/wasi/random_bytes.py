"""Where a guest's random bytes come from, and those that were drawn ahead for machine code."""

from __future__ import annotations

import os

from jormun.hints import Callable, Final
from jormun.locks import RLock
from jormun.runtime.native_stream import NativeStream

DRAWN_BYTES: Final = 4096
"""Multiples of this are drawn at once."""


_making: Final = RLock()


class RandomBytes:
    """The bytes of a source, in its order, each used once, however they are asked for."""

    __slots__ = ("_native", "_source")

    def __init__(self, source: Callable[[int], bytes] = os.urandom) -> None:
        """`source` takes how many bytes are wanted. The host's own makes the bytes of no two processes the same."""
        self._source: Final = source
        self._native: NativeStream | None = None

    @property
    def native(self) -> NativeStream:
        """What was drawn and is not used yet."""
        if self._native is None:  # many worlds have no use for it
            with _making:
                if self._native is None:
                    self._native = NativeStream(b"", has_output=False, ends_at_fork=self.is_host)
        return self._native

    @property
    def is_host(self) -> bool:
        """Whether they are of the host's cryptographic source."""
        return self._source is os.urandom

    def take(self, size_bytes: int) -> bytes:
        """The next bytes."""
        native = self.native
        with native:
            data = native.take(size_bytes)
            missing = size_bytes - len(data)
            if missing or not native.left:
                # Whole pieces, so that cuts do not matter to a source that makes several bytes at once.
                drawn = self._source((missing // DRAWN_BYTES + 1) * DRAWN_BYTES)
                data += drawn[:missing]
                native.refill(drawn[missing:])
        return data
