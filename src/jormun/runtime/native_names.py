"""The names of a tree's nodes that machine code finds (runtime/native/wasi/names.py).

Safe because: it is changed under the lock of the tree, which keeps machine code out, and holds what it leads to. A name
is forgotten when another node gets it, or none has it any more.
"""

from __future__ import annotations

from jormun.hints import Final
from jormun.runtime import world
from jormun.runtime.native import pages
from jormun.runtime.native_file import NativeContent, TreeLock

_WORDS: Final = world.NAME_BYTES >> 3
_U32: Final = 0xFFFF_FFFF


class NativeNames:
    """As many names as there is room for. Whoever uses it has the lock of its tree."""

    __slots__ = ("_block", "_held", "_places", "_words")

    def __init__(self, lock: TreeLock) -> None:
        self._block = pages.Block(world.NAMES * world.NAME_BYTES)
        self._words = self._block.view().cast("Q")
        self._places: dict[tuple[int, bytes], int] = {}
        """Where each name is, by the address of its directory and the name."""
        self._held: dict[int, tuple[NativeContent, bytes, NativeContent]] = {}
        """What each place leads to."""
        lock.record.write_u64(world.TREE_NAMES, self._block.address)

    def put(self, directory: NativeContent, name: bytes, node: NativeContent) -> None:
        """The node has that name in the directory. Another name may be forgotten for it."""
        key = directory.address, name
        place = self._places.get(key)
        if place is not None and self._held[place][2] is node:
            return
        if place is None:
            first = _hash(directory.address, name)
            places = [(first + k) % world.NAMES for k in range(world.NAME_PROBES)]
            place = next((free for free in places if free not in self._held), places[0])
            if place in self._held:
                other, its_name, _ = self._held[place]
                self.forget(other, its_name)
            self._places[key] = place
        self._held[place] = directory, name, node
        at = place * _WORDS
        self._words[at : at + _WORDS] = memoryview(
            _record(directory.address, pages.address_of(name), len(name), node.address)
        ).cast("Q")

    def forget(self, directory: NativeContent, name: bytes) -> None:
        """Machine code finds nothing of that name in the directory."""
        place = self._places.pop((directory.address, name), None)
        if place is not None:
            self._words[place * _WORDS] = 0
            del self._held[place]


def _record(*words: int) -> bytes:
    return b"".join(word.to_bytes(8, "little") for word in words)


def _hash(directory: int, name: bytes) -> int:
    """As machine code computes it. Records are aligned to 64 bytes."""
    value = world.NAME_HASH_START ^ (directory >> 6) & _U32
    for byte in name:
        value = (value ^ byte) * world.NAME_HASH_FACTOR & _U32
    return value
