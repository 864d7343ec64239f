"""All functions of WASI 0.1, by module and name, as a guest imports them."""

from __future__ import annotations

from jormun.hints import TYPE_CHECKING, Final, Iterator, Mapping
from jormun.wasi.abi import Abi
from jormun.wasi.function import WasiFunction

if TYPE_CHECKING:
    from types import ModuleType

_TOPICS: Final[dict[str, tuple[str, ...]]] = {
    "args": ("arguments",),
    "environ": ("arguments",),
    "clock": ("clock",),
    "fd": ("fd_io", "fd_status", "fd_directory"),
    "path": ("path",),
    "poll": ("poll",),
    "proc": ("process",),
    "random": ("random",),
    "sched": ("sched",),
    "sock": ("sockets",),
}
"""The files with the functions whose names begin so: most guests import few of them, and a start then is faster."""


class _Functions(Mapping[str, WasiFunction]):
    """Every function, by name. Looking one up imports its topic, listing them all topics."""

    def __init__(self) -> None:
        self._found: dict[str, WasiFunction] = {}

    def __getitem__(self, name: str) -> WasiFunction:
        known = self._found.get(name)
        if known is not None:
            return known
        for topic in _TOPICS.get(name.partition("_")[0], ()):
            found = getattr(_topic(topic), name, None)
            if isinstance(found, WasiFunction) and found.name == name:
                self._found[name] = found
                return found
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        for topic in dict.fromkeys(topic for topics in _TOPICS.values() for topic in topics):
            yield from [each.name for each in vars(_topic(topic)).values() if isinstance(each, WasiFunction)]

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _topic(name: str) -> ModuleType:
    """The module of a topic. importlib would bring `warnings`, half a millisecond."""
    module: ModuleType = __import__(f"jormun.wasi.{name}", fromlist=["*"])
    return module


class _Without(Mapping[str, WasiFunction]):
    """The functions but those that a module does not have."""

    def __init__(self, missing: str) -> None:
        self._missing = missing

    def __getitem__(self, name: str) -> WasiFunction:
        if name == self._missing:
            raise KeyError(name)
        return FUNCTIONS[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in FUNCTIONS if name != self._missing)

    def __len__(self) -> int:
        return sum(1 for _ in self)


FUNCTIONS: Final[Mapping[str, WasiFunction]] = _Functions()
"""Every function, by name."""


def functions_of(abi: Abi) -> Mapping[str, WasiFunction]:
    """The functions of one module."""
    return FUNCTIONS if abi.has_sock_accept else _Without("sock_accept")
