"""What one guest was given: arguments, environment, descriptors, and which of the two modules it speaks to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jormun.dataclass import dataclass, field, replace
from jormun.wasi.abi import PREVIEW1, Abi
from jormun.wasi.descriptors import Descriptor, DescriptorTable
from jormun.wasi.filesystem import Directory, File
from jormun.wasi.memory import GuestMemory


@dataclass(frozen=True, slots=True)
class Wasi:
    """The world of one guest. Functions of WASI take it first, and reach nothing else."""

    arguments: Sequence[bytes]
    """Each with a NUL at its end, the program's name first."""
    environment: Sequence[bytes]
    """Each as `KEY=value` with a NUL at its end."""
    table: DescriptorTable
    memory: GuestMemory = field(default_factory=GuestMemory)
    abi: Abi = PREVIEW1

    def speaking(self, abi: Abi) -> Wasi:
        """The same world for functions that were imported from the other module."""
        return replace(self, abi=abi)

    def close(self) -> None:
        """Closes every descriptor of the guest."""
        self.table.close_all()


def make_wasi(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    streams: Sequence[File],
    directories: Mapping[str, Directory],
) -> Wasi:
    """A guest's world.

    `streams` are standard input, output and error. `directories` are by the guest's name for them and get descriptors
    from 3 on, in order. Raises ValueError for strings with a NUL, and for keys of the environment that are empty or
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
    return Wasi(
        arguments=[_c_string(argument) for argument in arguments],
        environment=[_c_string(f"{key}={value}") for key, value in environment.items()],
        table=table,
    )


def _c_string(text: str) -> bytes:
    """The text in UTF-8, with a NUL at its end. Bytes of the host's that are no UTF-8 stay as they are."""
    data = text.encode("utf-8", "surrogateescape")
    if b"\0" in data:
        raise ValueError(f"{text!r} has a NUL in it, which no argument, variable or path can have")
    return data + b"\0"
