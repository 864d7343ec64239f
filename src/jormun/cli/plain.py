"""A first look at a command line: most need no argparse, whose import takes a third of a warm start.

`PlainParser` is told the options of a verb as argparse would be, by the verb itself, and reads command lines that hold
no surprise: options by their whole names with values that do not look like options, then the file and the rest. Of any
other it knows nothing: argparse reads it, and says what is wrong with it.
"""

from __future__ import annotations

from jormun.hints import TYPE_CHECKING, Any, Callable, Sequence

if TYPE_CHECKING:
    import argparse


class Words:
    """What a command line says, as attributes: argparse.Namespace, to whoever reads it."""

    def __init__(self, **values: object) -> None:
        self.__dict__.update(values)


class PlainParser:
    """As much of argparse.ArgumentParser as a verb sees of it that declares its options."""

    def __init__(self) -> None:
        self._options: dict[str, dict[str, Any]] = {}
        self._places: list[tuple[str, object]] = []
        self._defaults: dict[str, Any] = {}
        self._is_plain = True

    def add_parser(self, name: str, **described: object) -> PlainParser:
        """Itself, since it is for one verb."""
        return self

    def set_defaults(self, **values: object) -> None:
        """See argparse."""
        self._defaults.update(values)

    def add_argument(self, *names: str, **described: Any) -> None:
        """See argparse. What this parser does not understand makes it read nothing."""
        action = described.get("action")
        if not names[0].startswith("-"):
            self._places.append((names[0], described.get("nargs")))
            return
        dest = described.get("dest") or names[0].lstrip("-").replace("-", "_")
        if action in ("store_true", "store_false"):
            self._defaults.setdefault(dest, action == "store_false")
        elif action in (None, "append") and "nargs" not in described and "choices" not in described:
            self._defaults.setdefault(dest, described.get("default"))
        else:
            self._is_plain = False
        for name in names:
            self._options[name] = {**described, "dest": dest}

    def read(self, words: Sequence[str]) -> Words | None:
        """What the words behind the verb say, or None if argparse has to read them."""
        if not self._is_plain or [nargs for _, nargs in self._places] != [None, "..."] or "--" in words:
            return None
        values = {dest: list(value) if isinstance(value, list) else value for dest, value in self._defaults.items()}
        at = 0
        while at < len(words) and words[at].startswith("-") and words[at] != "-":
            name, equals, value = words[at].partition("=")
            described = self._options.get(name)
            if described is None:
                return None
            dest, action, at = described["dest"], described.get("action"), at + 1
            if action in ("store_true", "store_false"):
                if equals:
                    return None
                values[dest] = action == "store_true"
                continue
            if not equals:
                if at == len(words) or words[at].startswith("-"):
                    return None
                value, at = words[at], at + 1
            try:
                converted = described.get("type", str)(value)
            except Exception:
                return None  # argparse has the words for it
            if action == "append":
                values[dest].append(converted)
            else:
                values[dest] = converted
        if at == len(words):
            return None
        values[self._places[0][0]], values[self._places[1][0]] = words[at], list(words[at + 1 :])
        return Words(**values)


def read_plainly(add_parser: Callable[[Any], None], words: Sequence[str]) -> argparse.Namespace | None:
    """What a command line says of a verb, `words` being those behind it; None if argparse has to read them."""
    parser = PlainParser()
    add_parser(parser)
    return parser.read(words)  # type: ignore[return-value]
