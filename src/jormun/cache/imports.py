"""The modules of a warm start in one file of the cache.

Python looks for each module in folders, opens its file and reads it; with a hundred modules that is a fifth of a warm
start. A run keeps the code of all of Jormun's modules that it imported, but to compile, and the next one has them at
once. What mypyc compiled is found as ever.

Behind the seal of the file (sealed.py): the length of the table, as 8 bytes; the table, by `marshal`: where the code of
each module is and its source's path, by name; the code, by `marshal`. Modules that one run
imported are in one tuple, since they have most names in common: those are made once, and not for each module.

The file is as trustworthy as Python's own `__pycache__` or the cache's machine code: only the user can have written it,
and it is checked before it is believed.
"""

from __future__ import annotations

import builtins
import marshal
import os
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import PathFinder
from _thread import _count as count_threads

from jormun.cache.build import imports_key
from jormun.folder import cache_folder, read_own, write_whole
from jormun.hints import TYPE_CHECKING, Any
from jormun.sealed import SealError, seal, unseal

if TYPE_CHECKING:
    from types import CodeType, ModuleType

    from jormun.hints import Mapping, Sequence

_Module: type[ModuleType] = type(sys)
FOLDER = "imports"
_MOST_FILES = 8
"""Pythons and versions of Jormun that share a cache. The least recently used file goes first."""
_LENGTH_BYTES = 8
_COMPILING = ("jormun.syntax.module", "jormun.opcodes")
"""What is imported to decode, validate or compile, and only then. What comes behind is kept by a run that does not."""


class Imports:
    """A finder and loader of modules, for `sys.meta_path`."""

    def __init__(self, folder: str | None = None) -> None:
        """With what is kept in the cache's folder, by default that of the environment, if anything is."""
        self._key = imports_key()
        self._path = os.path.join(cache_folder() if folder is None else folder, FOLDER, self._key.hex())
        self._tag = sys.implementation.cache_tag or ""
        self._modules: dict[str, tuple[int, int, int, str]] = {}
        """Where in `_code` the tuple with its code begins and ends, its place there and its source's path, by name.
        """
        self._code = memoryview(b"")
        self._tuples: dict[int, tuple[CodeType, ...]] = {}
        """Those that were needed, by where they begin."""
        self._new: dict[str, CodeType] = {}
        """What had to be found elsewhere, in the order of its import."""
        try:
            contents = unseal(read_own(self._path), self._key, self._tag)
        except (OSError, SealError):
            return  # there is none yet, or none to be trusted: `save` replaces it
        end = _LENGTH_BYTES + int.from_bytes(contents[:_LENGTH_BYTES], "little")
        self._modules = marshal.loads(contents[_LENGTH_BYTES:end])
        self._code = contents[end:]

    def install(self) -> None:
        """Have this process's imports of Jormun's modules come from here.

        They are found by `sys.meta_path`, as ever, and most by `__import__`: an import statement of a module that is
        there takes a third of the time that importlib's does, and running one that is kept an eighth less. That is 2 ms
        of a start's thousand statements.
        """
        sys.meta_path.insert(0, self)
        imported = sys.modules
        whole = {name: imported[name] for name in ("__future__", "jormun.hints")}
        """Modules that have been run to their ends and are no packages, whose attributes may be modules to import."""
        find, otherwise = whole.get, builtins.__import__

        def import_(
            name: str,
            globals: Mapping[str, object] | None = None,
            locals: Mapping[str, object] | None = None,
            fromlist: Sequence[str] | None = (),
            level: int = 0,
        ) -> ModuleType:
            if fromlist:
                module = find(name)
                if module is not None:
                    return module
                # Another thread might see a module that is half run: importlib has locks for that.
                if name in self._modules and name not in imported and not count_threads():
                    parent, _, child = name.rpartition(".")
                    if parent in imported:
                        module = self._run(name)
                        setattr(imported[parent], child, module)
                        if not self.is_package(name):
                            whole[name] = module
                            return module
            return otherwise(name, globals, locals, fromlist, level)

        builtins.__import__ = import_

    def _run(self, name: str) -> ModuleType:
        """A module that is kept, as importlib would have it."""
        module = sys.modules[name] = _Module(name)
        spec = module.__spec__ = self.find_spec(name)
        assert spec is not None
        module.__loader__ = spec.loader
        module.__package__ = spec.parent
        if spec.submodule_search_locations is not None:
            module.__path__ = spec.submodule_search_locations
        try:
            self.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See importlib.abc.MetaPathFinder."""
        loader: Any = self  # which has what importlib asks for, without importing its base classes
        if name not in self._modules:
            return self._found(name, path, loader)
        origin = self._modules[name][3]
        is_package = _is_package(origin)
        # FAST: without has_location, which has importlib work out where __pycache__ is, a fifth of an import's cost.
        spec = ModuleSpec(name, loader, origin=origin, is_package=is_package)
        if is_package:
            spec.submodule_search_locations = [os.path.dirname(origin)]
        return spec

    def _found(self, name: str, path: Sequence[str] | None, loader: Any) -> ModuleSpec | None:
        """What Python finds of Jormun's own modules; those of source go through this loader, to be kept."""
        spec = PathFinder.find_spec(name, path) if name.startswith("jormun.") else None
        if spec is not None and spec.origin is not None and spec.origin.endswith(".py"):
            source: Any = spec.loader  # of source files, all of which have this
            self._new[name] = source.get_code(name)
            spec.loader = loader
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        """See importlib.abc.Loader."""

    def exec_module(self, module: ModuleType) -> None:
        """See importlib.abc.Loader."""
        name = module.__name__
        if name in self._modules:
            module.__file__ = self._modules[name][3]
        exec(self.get_code(name), module.__dict__)

    def get_code(self, name: str) -> CodeType:
        """See importlib.abc.InspectLoader."""
        if name in self._new:
            return self._new[name]
        start, end, place, _ = self._modules[name]
        found = self._tuples.get(start)
        if found is None:
            found = self._tuples[start] = marshal.loads(self._code[start:end])
        return found[place]

    def is_package(self, name: str) -> bool:
        """See importlib.abc.InspectLoader."""
        return _is_package(self._new[name].co_filename if name in self._new else self._modules[name][3])

    def get_source(self, name: str) -> None:
        """See importlib.abc.InspectLoader. Whoever wants the source has its path."""

    def save(self) -> None:
        """Keep what was imported and had to be found elsewhere, up to what only a run needs that compiles."""
        codes: dict[str, CodeType] = {}
        for name, code in self._new.items():
            if name.startswith(_COMPILING):
                break
            codes[name] = code
        if not codes:
            return
        new = marshal.dumps(tuple(codes.values()))
        start = len(self._code)
        table = self._modules | {
            name: (start, start + len(new), place, code.co_filename) for place, (name, code) in enumerate(codes.items())
        }
        head = marshal.dumps(table)
        contents = b"".join([len(head).to_bytes(_LENGTH_BYTES, "little"), head, self._code, new])
        try:
            write_whole(self._path, seal(contents, self._key, self._tag))
            _drop_oldest(os.path.dirname(self._path))
        except OSError:
            pass  # the cache of machine code warns of a folder that cannot be written


def _is_package(path: str) -> bool:
    """Whether a module's source is a package's."""
    return path.endswith("__init__.py")


def clear(folder: str) -> None:
    """Drop what is kept in a cache's folder. Raises OSError."""
    for entry in _files(os.path.join(folder, FOLDER)):
        os.unlink(entry.path)


def _drop_oldest(folder: str) -> None:
    files = sorted(_files(folder), key=lambda entry: entry.stat().st_mtime, reverse=True)
    for entry in files[_MOST_FILES:]:
        os.unlink(entry.path)


def _files(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []
