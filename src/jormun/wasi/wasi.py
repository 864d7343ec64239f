"""What one guest was given: arguments, environment, descriptors, clocks, and which of the two modules it speaks to."""

from __future__ import annotations

from jormun.dataclass import dataclass, field, replace
from jormun.hints import TYPE_CHECKING, Final, Mapping, Sequence
from jormun.wasi.abi import PREVIEW1, Abi
from jormun.wasi.clocks import Clocks, FixedClocks, HostClocks
from jormun.wasi.descriptors import Descriptor, DescriptorTable
from jormun.wasi.filesystem import Directory, File
from jormun.wasi.memory import GuestMemory
from jormun.wasi.random_bytes import RandomBytes

if TYPE_CHECKING:
    from jormun.wasi.library import LibraryCalls
    from jormun.wasi.threads import ThreadGroup
    from jormun.wasi.trace import Trace

_SEED: Final = 0
"""What the random numbers of all deterministic worlds begin with."""


@dataclass(frozen=True, slots=True)
class Wasi:
    """The world of one guest. Functions of WASI take it first, and reach nothing else.

    `Wasi(deterministic=True)` is the same in each run: fixed clocks, random numbers from a constant seed, sorted
    directories. What its files hold, and what threads do at the same time, is not made so.
    """

    arguments: Sequence[bytes] = ()
    """Each with a NUL at its end, the program's name first."""
    environment: Sequence[bytes] = ()
    """Each as `KEY=value` with a NUL at its end."""
    table: DescriptorTable = field(default_factory=DescriptorTable)
    memory: GuestMemory = field(default_factory=GuestMemory)
    abi: Abi = PREVIEW1
    deterministic: bool = False
    clocks: Clocks = field(default_factory=HostClocks)
    random: RandomBytes = field(default_factory=RandomBytes)
    threads: ThreadGroup | LibraryCalls | None = None
    """What ends the guest's threads together, or a library's calls; None for a guest that is alone and runs as long as
    it likes.
    """
    trace: Trace | None = None
    """Where the guest's calls are written down."""

    def __post_init__(self) -> None:
        if self.deterministic:
            # A copy (`replace`) goes on with the clocks and numbers of the original.
            if not self.clocks.is_fixed:
                object.__setattr__(self, "clocks", FixedClocks())
            if self.random.is_host:
                from random import Random  # costs 5 ms, and few worlds are so

                object.__setattr__(self, "random", RandomBytes(Random(_SEED).randbytes))

    def speaking(self, abi: Abi) -> Wasi:
        """The same world for functions that were imported from the other module."""
        return replace(self, abi=abi)

    def close(self) -> None:
        """Closes every descriptor of the guest."""
        self.table.close_all()
        if self.threads is not None:
            self.threads.close()


def make_wasi(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    streams: Sequence[File],
    directories: Mapping[str, Directory],
    sockets: Sequence[File] = (),
    *,
    deterministic: bool = False,
) -> Wasi:
    """A guest's world.

    `streams` are standard input, output and error. `directories` are by the guest's name for them and get descriptors
    from 3 on, in order; `sockets`, which listen or are connected, those behind: C libraries look for directories until
    a descriptor is none. Raises ValueError for strings with a NUL, and for keys of the environment that are empty or
    have an equals sign.
    """
    for key in environment:
        if not key or "=" in key:
            raise ValueError(f"{key!r} cannot be the name of an environment variable")
    table = DescriptorTable()
    for stream in streams:
        table.insert(Descriptor.of_file(stream))
    for name, directory in directories.items():
        table.insert(Descriptor.of_directory(directory, preopen=_c_string(name)[:-1]))
    for socket in sockets:
        table.insert(Descriptor.of_file(socket))
    return Wasi(
        arguments=[_c_string(argument) for argument in arguments],
        environment=[_c_string(f"{key}={value}") for key, value in environment.items()],
        table=table,
        deterministic=deterministic,
    )


def _c_string(text: str) -> bytes:
    """The text in UTF-8, with a NUL at its end. Bytes of the host's that are no UTF-8 stay as they are."""
    data = text.encode("utf-8", "surrogateescape")
    if b"\0" in data:
        raise ValueError(f"{text!r} has a NUL in it, which no argument, variable or path can have")
    return data + b"\0"
