"""What a host allows the guests of a store, as a value that is passed."""

from __future__ import annotations

from jormun.dataclass import dataclass
from jormun.hints import TYPE_CHECKING
from jormun.limits import FUEL as MOST_FUEL
from jormun.limits import INSTANCES, STACK_LEAST_BYTES, STORE_BYTES, STORE_SHARE
from jormun.machine_memory import memory_bytes as machine_memory_bytes
from jormun.runtime.layout import STACK_BLOCK_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from jormun.runtime.allowance import Allowance

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}


@dataclass(frozen=True, slots=True)
class Limits:
    """What the guests of one store may take. The defaults protect the host's memory; time and fuel have none.

    `memory` is for all memories and tables of the store together: a number of bytes, or text like "64MiB". Without, it
    is 4 GiB, or half of the memory that this process may use (the machine's, or its container's) where that is less.
    Growing beyond fails, as WebAssembly says; starting beyond raises ExhaustionError. Each object of the host that
    guests get a reference to counts as 256 bytes, until the store is gone.

    `table_elements` is for all tables of the store together, beside the 8 bytes that each element takes of `memory`; a
    single table never has more than 10,000,000. Growing beyond fails, starting beyond raises ExhaustionError.

    `instances` is how many the store may have, those of a guest's threads included: ExhaustionError says that there are
    no more, and a thread does not start. Instances of a store live as long as it does.

    `stack` is what calls from Python may take of a guest's stack, with all that is nested in them: a size from 64 KiB
    to 8 MiB, which is also the default. ExhaustionError says that it was not enough, in every tier; how deep functions
    may call each other depends on the tier, whose frames differ. Each thread, and each call that is awaited, has such a
    stack, beside `memory`.

    `fuel` bounds how much code runs, whatever the machine: it pays for what it runs, by the table in `Config.costs`.
    Without a limit, code is compiled that does not. When there is too little left, `on_empty` is called with the
    store's `Allowance`, and may give more (`limits.fuel += 1000`): then the guest goes on as if nothing had been. Else
    the call raises ExhaustionError, and is over; more fuel (`instance.limits.fuel += 1000`) lets calls that begin later
    run. Threads of one guest take turns in taking from the same fuel.

    `timeout` is how many seconds a call from Python may take, with all that it calls: TimeoutError ends it then, or
    when a function of the host that it called comes back. `cpu_timeout` is the same for seconds that it has a
    processor: while it sleeps or waits, or while others compute, it pays nothing. A call that is awaited pays for what
    it computes, not for the coroutines that it waits for. math.inf bounds nothing, and has `Usage` say what calls took.

    Raises ValueError for what is none of that.

    >>> Limits(memory="64MiB").memory_bytes
    67108864
    """

    memory: int | str | None = None
    timeout: float | None = None
    fuel: int | None = None
    on_empty: Callable[[Allowance], object] | None = None
    cpu_timeout: float | None = None
    table_elements: int | None = None
    instances: int = INSTANCES
    stack: int | str | None = None

    def __post_init__(self) -> None:
        if self.memory is not None:
            parse_size(self.memory)
        for what, seconds in (("timeout", self.timeout), ("processor time", self.cpu_timeout)):
            if seconds is not None and not seconds >= 0:
                raise ValueError(f"a {what} is a number of seconds, not {seconds!r}")
        if self.fuel is not None and not 0 <= self.fuel <= MOST_FUEL:
            raise ValueError(f"fuel is a number from 0 to {MOST_FUEL}, not {self.fuel!r}")
        for what, count in (("table elements", self.table_elements), ("instances", self.instances)):
            if count is not None and not count >= 0:
                raise ValueError(f"a number of {what} cannot be negative: {count!r}")
        stack_bytes = self.stack_bytes
        if stack_bytes is not None and not STACK_LEAST_BYTES <= stack_bytes <= STACK_BLOCK_BYTES:
            raise ValueError(f"a stack is of 64 KiB to 8 MiB, not {self.stack!r}")

    @property
    def memory_bytes(self) -> int:
        """The limit on memory in bytes."""
        return share_bytes(STORE_BYTES, STORE_SHARE) if self.memory is None else parse_size(self.memory)

    @property
    def stack_bytes(self) -> int | None:
        """The limit on the stack in bytes, if there is one below what there is."""
        return None if self.stack is None else parse_size(self.stack)


def share_bytes(most_bytes: int, parts: int) -> int:
    """What a guest may have the host keep when nobody says how much: one of so many parts of the memory that this
    process may use, and `most_bytes` at most.
    """
    return min(most_bytes, machine_memory_bytes() // parts)


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
