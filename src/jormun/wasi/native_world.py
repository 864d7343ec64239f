"""What machine code is told of a guest's world, so that it answers calls itself (runtime/native/wasi)."""

from __future__ import annotations

from itertools import accumulate

from jormun.hints import TYPE_CHECKING, Final, Sequence
from jormun.runtime import world
from jormun.runtime.host import Shortcut
from jormun.runtime.native import pages
from jormun.wasi.abi import PREVIEW1
from jormun.wasi.clocks import HostClocks

if TYPE_CHECKING:
    from jormun.wasi.wasi import Wasi

_PREVIEW1_ONLY: Final = ("fd_seek", "fd_filestat_get")
"""In what these take or write, wasi_unstable is different."""
_STRINGS_BYTES: Final = (1 << 32) - 1


def shortcut_of(name: str, wasi: Wasi) -> Shortcut | None:
    """The machine code that answers calls of a function of WASI for the guest in this world, where there is some.

    There is none for a traced guest and for fixed clocks. The function that Python has for all other calls keeps `wasi`
    alive, and so what is written here.
    """
    if name not in world.ANSWERED or wasi.trace is not None:
        return None
    if name in _PREVIEW1_ONLY and wasi.abi is not PREVIEW1:
        return None
    block = wasi.memory.world
    topic = name.partition("_")[0]
    if topic == "clock":
        if not isinstance(wasi.clocks, HostClocks):
            return None
    elif topic == "fd":
        block.write_u64(world.WORLD_TABLE, wasi.table.native.address)
    elif topic == "random":
        block.write_u64(world.WORLD_RANDOM, wasi.random.native.address)
    elif topic in ("args", "environ"):
        at, strings = (
            (world.WORLD_ARGUMENTS, wasi.arguments) if topic == "args" else (world.WORLD_ENVIRONMENT, wasi.environment)
        )
        if at not in wasi.memory.strings:
            if sum(map(len, strings)) > _STRINGS_BYTES:
                return None
            wasi.memory.strings[at] = NativeStrings(strings)
        block.write_u64(at, wasi.memory.strings[at].address)
    return Shortcut(name, block)


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
