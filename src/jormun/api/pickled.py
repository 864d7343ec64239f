"""Modules in pickles, with their machine code, so that other processes start with it: multiprocessing, Dask, Ray.

A pickle is a program: loading one calls whatever it names, so that machine code in it is nothing new. Load only pickles
that you, or somebody whose programs you would run, have made; `jormun.Module(bytes)` is what takes modules of others.
Code is used if it is undamaged, and was made by the same build of Jormun for a CPU like this one. Else the module is
read and compiled as if it had come without, which it always can be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from jormun.api.config import Config
from jormun.api.module import Module
from jormun.cache.entry import Entry
from jormun.cache.kept import KeptModule
from jormun.cache.key import pickle_key
from jormun.cache.plain import from_plain, part_of
from jormun.errors import UnsupportedError
from jormun.runtime.image import CodeImage
from jormun.runtime.native.support import machine
from jormun.runtime.tiering.learned import Learned
from jormun.sealed import SealError, seal, unseal


def packed(module: Module) -> bytes | None:
    """A module's blueprint and the code that it has by now, sealed; None where no code runs."""
    try:
        compiled = module.compiled
    except UnsupportedError:
        return None
    images = compiled.images()
    image = CodeImage.joined(images) if images else CodeImage(b"", (), machine())
    learned = Learned() if compiled.tier_up is None else compiled.tier_up.learned()
    plain, own = module.described()
    entry = Entry(plain, image, learned, own)
    return seal(entry.encode(), pickle_key(module.data), machine())


def unpacked(data: bytes, config: Config, sealed: bytes | None) -> Module:
    """The module that was pickled as its bytes, its settings, and what `packed` gave."""
    if sealed is None:
        return Module(data, config=config)
    try:
        entry = Entry.decode(unseal(sealed, pickle_key(data), machine()), machine())
    except SealError:
        return Module(data, config=config)
    blueprint = from_plain(entry.plain, part_of(data), entry.own)
    return Module.known(data, config, blueprint, lambda find: Shipped(entry, find))


class Shipped:
    """Code that came with a module (runtime/module.py's `CodeKeeper`); what is compiled further goes to the cache."""

    def __init__(self, entry: Entry, find: Callable[[], KeptModule | None]) -> None:
        self._image: CodeImage | None = entry.image
        self._known = entry.learned
        self._find = find
        self._kept: KeptModule | None = None
        self._learned: Callable[[], Learned] | None = None

    def images(self) -> Iterable[CodeImage]:
        """The code that came."""
        image, self._image = self._image, None
        return (image,) if image is not None and image.functions else ()

    def learned(self) -> Learned:
        """What tiering learned where the module came from."""
        return self._known

    def watch(self, learned: Callable[[], Learned]) -> None:
        """Ask this once there is something to keep."""
        self._learned = learned

    def keep(self, image: CodeImage) -> None:
        """Have the cache keep what was compiled here, if there is one."""
        if self._kept is None:
            self._kept = self._find()
            if self._kept is not None and self._learned is not None:
                self._kept.watch(self._learned)
        if self._kept is not None:
            self._kept.keep(image)
