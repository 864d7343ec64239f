"""The options of `jormun run` that bound what a program may take."""

from __future__ import annotations

from jormun.dataclass import dataclass
from jormun.hints import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from jormun.hints import Callable
    from jormun.runtime.engine import Engine
    from jormun.runtime.limits import Limits
    from jormun.runtime.store import Store
    from jormun.runtime.time_spent import ProcessorTime


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "--timeout", metavar="SECONDS", help="end the program after this time; it is a trap, and ends with 134"
    )
    parser.add_argument(
        "--cpu-timeout", metavar="SECONDS", help="end it when all its threads together had a processor for this time"
    )
    parser.add_argument(
        "--fuel", metavar="N", help="end the program when it has run so many instructions; it is a trap too"
    )
    parser.add_argument(
        "--max-memory",
        metavar="SIZE",
        help="how much all its memories and tables may take together, like 64MiB; by default half of the memory that "
        "there is, and 4GiB at most",
    )
    parser.add_argument(
        "--max-stack", metavar="SIZE", help="how much stack each of its threads may take: 64KiB to 8MiB, the default"
    )
    parser.add_argument("--max-table-elements", metavar="N", help="how many elements all its tables may have together")
    parser.add_argument(
        "--max-instances",
        metavar="N",
        help="how many instances there may be: one, one for each --preload, and one for each of its threads beyond the "
        "first; by default 10,000",
    )


@dataclass(frozen=True, slots=True)
class GivenLimits:
    """What the options say. Times are for the whole run, threads included."""

    limits: Limits | None
    timeout_s: float | None
    cpu_timeout_s: float | None

    @property
    def has_time(self) -> bool:
        """Whether there is a limit on time."""
        return self.timeout_s is not None or self.cpu_timeout_s is not None

    def store(self, engine: Engine) -> Store:
        """A store for the program."""
        from jormun.runtime.store import Store

        return Store(engine, self.limits, is_measured=self.cpu_timeout_s is not None)

    def processor(self, store: Store) -> ProcessorTime | None:
        """What bounds the processor's time of such a store's guests."""
        if self.cpu_timeout_s is None:
            return None
        from jormun.runtime.time_spent import ProcessorTime

        assert store.bounds is not None
        return ProcessorTime(self.cpu_timeout_s, store.bounds.spent)


def given_limits(arguments: argparse.Namespace) -> GivenLimits:
    """What the options say. Raises UsageError."""
    from jormun.limits import FUEL

    given: dict[str, int | str] = {}
    for option in ("max_memory", "max_stack"):
        text = getattr(arguments, option)
        if text is not None:
            given[option.removeprefix("max_")] = text
    for option, most in (("fuel", FUEL), ("max_table_elements", FUEL), ("max_instances", FUEL)):
        text = getattr(arguments, option)
        if text is not None:
            given[option.removeprefix("max_")] = _number(option, text, most)
    timeouts = (_seconds("timeout", arguments.timeout), _seconds("cpu_timeout", arguments.cpu_timeout))
    return GivenLimits(_limits(given) if given else None, *timeouts)


def _limits(given: dict[str, int | str]) -> Limits:
    from jormun.cli.report import UsageError
    from jormun.runtime.limits import Limits

    make: Callable[..., Limits] = Limits
    for name, value in given.items():  # each alone first, to know which is wrong
        try:
            make(**{name: value})
        except ValueError as error:
            raise UsageError(f"--max-{name} {value}: {error}") from error
    return make(**given)


def _number(option: str, text: str, most: int) -> int:
    from jormun.cli.report import UsageError

    amount = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else -1
    if not 0 <= amount <= most:
        what = "fuel" if option == "fuel" else "it"
        raise UsageError(f"{_dashed(option)} {text}: {what} is a number from 0 to {most}, like 1000000000")
    return amount


def _seconds(option: str, text: str | None) -> float | None:
    from jormun.cli.report import UsageError

    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise UsageError(f"{_dashed(option)} {text}: a time is a number of seconds, like 2.5")
    return seconds


def _dashed(option: str) -> str:
    return f"--{option.replace('_', '-')}"
