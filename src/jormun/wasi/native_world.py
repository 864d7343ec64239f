"""What machine code is told of a guest's world, so that it answers calls itself (runtime/native/wasi)."""

from __future__ import annotations

from itertools import accumulate

from jormun.hints import TYPE_CHECKING, Final, Sequence
from jormun.runtime import world
from jormun.runtime.native import pages
from jormun.wasi.abi import PREVIEW1
from jormun.wasi.clocks import HostClocks

if TYPE_CHECKING:
    from jormun.wasi.descriptors import DescriptorTable
    from jormun.wasi.random_bytes import RandomBytes
    from jormun.wasi.wasi import Wasi

_PREVIEW1_ONLY: Final = ("fd_seek", "fd_filestat_get", "path_filestat_get", "poll_oneoff")
"""In what these take or write, wasi_unstable is different."""
_STRINGS_BYTES: Final = (1 << 32) - 1


def is_answered(name: str, wasi: Wasi) -> bool:
    """Whether machine code answers calls of a function of WASI for the guest in this world.

    It does not for a traced guest and for fixed clocks.
    """
    if name not in world.ANSWERED or wasi.trace is not None:
        return False
    if name in _PREVIEW1_ONLY and wasi.abi is not PREVIEW1:
        return False
    topic = name.partition("_")[0]
    has_clocks, has_arguments, has_environment = answering(wasi)
    if topic in ("clock", "poll"):
        return has_clocks
    if topic in ("args", "environ"):
        return has_arguments if topic == "args" else has_environment
    return True


def answering(wasi: Wasi) -> tuple[bool, bool, bool]:
    """Whether machine code has what it takes for clocks, for arguments, and for the environment."""
    return (
        isinstance(wasi.clocks, HostClocks),
        sum(map(len, wasi.arguments)) <= _STRINGS_BYTES,
        sum(map(len, wasi.environment)) <= _STRINGS_BYTES,
    )


class NativeWorld:
    """The world record of one instance, for which Python answers all calls until the guest is `attached`.

    So a guest that calls nothing costs nothing but the record: the rest is made at its first call that reads or writes
    memory.
    """

    __slots__ = ("_has_threads", "_kept", "_parts", "block")

    def __init__(
        self,
        table: DescriptorTable,
        random: RandomBytes,
        arguments: Sequence[bytes],
        environment: Sequence[bytes],
        *,
        has_threads: bool,
    ) -> None:
        self._parts = table, random, arguments, environment
        self._has_threads = has_threads
        self._kept: tuple[object, ...] = ()
        self.block: Final = pages.Block(world.WORLD_BYTES, 16)

    @classmethod
    def of(cls, wasi: Wasi) -> NativeWorld:
        """That of a guest in this world. It does not refer to it."""
        return cls(wasi.table, wasi.random, wasi.arguments, wasi.environment, has_threads=wasi.threads is not None)

    def attached(self, memory: int) -> None:
        """Have machine code answer from now on, in the memory whose record is at this address."""
        table, random, arguments, environment = self._parts
        passed = [
            NativeStrings(strings if sum(map(len, strings)) <= _STRINGS_BYTES else ())
            for strings in (arguments, environment)
        ]
        block, self._kept = self.block, (table, random, *passed)
        block.write_u64(world.WORLD_TABLE, table.native.address)
        block.write_u64(world.WORLD_RANDOM, random.native.address)
        block.write_u64(world.WORLD_ARGUMENTS, passed[0].address)
        block.write_u64(world.WORLD_ENVIRONMENT, passed[1].address)
        pages.write_u32(block.address + world.WORLD_HAS_THREADS, int(self._has_threads))
        # Last, since machine code goes by it. Stores are seen in their order.
        block.write_u64(world.WORLD_MEMORY, memory)


class NativeStrings:
    """A record of strings."""

    __slots__ = ("_block", "_text", "address")

    def __init__(self, strings: Sequence[bytes]) -> None:
        self._text = b"".join(strings)
        self._block = pages.Block(world.STRINGS_STARTS + 4 * len(strings))
        self.address: Final = self._block.address
        self._block.write_u64(world.STRINGS_TEXT, pages.address_of(self._text))
        words = self._block.view().cast("I")
        words[world.STRINGS_COUNT >> 2] = len(strings)
        words[world.STRINGS_BYTES >> 2] = len(self._text)
        first = world.STRINGS_STARTS >> 2
        for k, start in zip(range(len(strings)), accumulate(map(len, strings), initial=0), strict=False):
            words[first + k] = start
