"""What a host allows the guests of a store, as a value that is passed."""

from __future__ import annotations

from jormun.dataclass import dataclass
from jormun.hints import TYPE_CHECKING
from jormun.limits import FUEL as MOST_FUEL
from jormun.limits import STORE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from jormun.runtime.allowance import Allowance

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}


@dataclass(frozen=True, slots=True)
class Limits:
    """What the guests of one store may take.

    `memory` is for all memories and tables of the store together: a number of bytes, or text like "64MiB". Growing
    beyond fails, as WebAssembly says; starting beyond raises ExhaustionError. Raises ValueError for another text.

    `fuel` bounds how much code runs, whatever the machine: it pays for what it runs, by the table in `Config.costs`.
    Without a limit, code is compiled that does not. When there is too little left, `on_empty` is called with the
    store's `Allowance`, and may give more (`limits.fuel += 1000`): then the guest goes on as if nothing had been. Else
    the call raises ExhaustionError. Threads of one guest take turns in taking from the same fuel.

    `timeout` is how many seconds a call from Python may take, with all that it calls: TimeoutError ends it then, or
    when a function of the host that it called comes back.

    >>> Limits(memory="64MiB").memory_bytes
    67108864
    """

    memory: int | str = STORE_BYTES
    timeout: float | None = None
    fuel: int | None = None
    on_empty: Callable[[Allowance], object] | None = None

    def __post_init__(self) -> None:
        parse_size(self.memory)
        if self.timeout is not None and not self.timeout >= 0:
            raise ValueError(f"a timeout is a number of seconds, not {self.timeout!r}")
        if self.fuel is not None and not 0 <= self.fuel <= MOST_FUEL:
            raise ValueError(f"fuel is a number from 0 to {MOST_FUEL}, not {self.fuel!r}")

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
