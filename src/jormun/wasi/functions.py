"""All functions of WASI 0.1, by module and name, as a guest imports them."""

from __future__ import annotations

from types import ModuleType
from typing import Final

from jormun.wasi import arguments, clock, fd_directory, fd_io, fd_status, path, poll, process, random, sched, sockets
from jormun.wasi.abi import Abi
from jormun.wasi.function import WasiFunction

_TOPICS: Final[tuple[ModuleType, ...]] = (
    arguments,
    clock,
    fd_io,
    fd_status,
    fd_directory,
    path,
    poll,
    process,
    random,
    sched,
    sockets,
)

FUNCTIONS: Final[dict[str, WasiFunction]] = {
    each.name: each for topic in _TOPICS for each in vars(topic).values() if isinstance(each, WasiFunction)
}
"""Every function, by name."""


def functions_of(abi: Abi) -> dict[str, WasiFunction]:
    """The functions of one module."""
    missing = set() if abi.has_sock_accept else {"sock_accept"}
    return {name: each for name, each in FUNCTIONS.items() if name not in missing}
