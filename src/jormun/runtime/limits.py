"""What a host allows the guests of a store, as a value that is passed."""

from __future__ import annotations

from jormun.dataclass import dataclass
from jormun.limits import STORE_BYTES

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}


@dataclass(frozen=True, slots=True)
class Limits:
    """What the guests of one store may take.

    `memory` is for all memories and tables of the store together: a number of bytes, or text like "64MiB". Growing
    beyond fails, as WebAssembly says; starting beyond raises ExhaustionError. Raises ValueError for another text.

    `timeout` is how many seconds a call from Python may take, with all that it calls: TimeoutError ends it then, or
    when a function of the host that it called comes back.

    >>> Limits(memory="64MiB").memory_bytes
    67108864
    """

    memory: int | str = STORE_BYTES
    timeout: float | None = None

    def __post_init__(self) -> None:
        parse_size(self.memory)
        if self.timeout is not None and not self.timeout >= 0:
            raise ValueError(f"a timeout is a number of seconds, not {self.timeout!r}")

    @property
    def memory_bytes(self) -> int:
        """The limit in bytes."""
        return parse_size(self.memory)


def parse_size(size: int | str) -> int:
    """A size in bytes from a number or from text with a unit: B, KB, MB, GB, KiB, MiB or GiB. Raises ValueError."""
    if isinstance(size, int):
        number, unit = size, ""
    else:
        text = size.strip()
        digits = text.rstrip("BbGgIiKkMm ")
        unit = text[len(digits) :].strip().upper()
        if not (digits.isascii() and digits.isdecimal()) or unit not in _UNITS:
            raise ValueError(f"{size!r} is no size; sizes are like 65536, '64MiB' or '1 GB'")
        number = int(digits)
    if number < 0:
        raise ValueError(f"a size cannot be negative: {size}")
    return number * _UNITS[unit]
