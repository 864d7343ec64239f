"""WebAssembly modules as Python modules: how they are found, linked and filled (jormun/hook.py is the user's door).

A guest reaches what it was given and nothing else, so that an import is no reason to import any module of Python's: a
guest that asks for "os" "kill" must not get it. What it asks for is looked for beside it alone, in its folder, and a
module of Python's gives it what it says it gives, in `__wasm_exports__`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader as AnyLoader
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_file_location
from keyword import iskeyword
from types import ModuleType
from typing import TypeVar

from jormun.api.instance import Instance
from jormun.api.module import Module
from jormun.errors import LinkError, WasmError
from jormun.hints import Any
from jormun.runtime.linking import ImportModule
from jormun.wasi.abi import MODULES

SUFFIXES = (".wasm", ".wat")
"""What modules are called, in the order in which they are looked for."""
INSTANCE, GIVEN = "__wasm__", "__wasm_exports__"
"""The attribute of a module of ours that has its instance; and that of one of Python's that says what guests get."""
F = TypeVar("F", bound=Callable[..., object])


def export(function: F, name: str | None = None) -> F:
    """Give a function of a Python module to the WebAssembly modules beside it that import it.

    It is a decorator. With `name` they know it by another name than its own.
    """
    module = sys.modules[function.__module__]
    given: dict[str, object] = module.__dict__.setdefault(GIVEN, {})
    given[name or function.__name__] = function
    return function


class Finder:
    """A meta path finder (importlib.abc.MetaPathFinder) for files that end in SUFFIXES.

    It comes behind Python's own: calc.py, and a folder calc/, hide calc.wasm.
    """

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module that there is a file for on the path: sys.path, or a package's."""
        name = fullname.rpartition(".")[2]
        for folder in sys.path if path is None else path:
            if isinstance(folder, str):
                for suffix in SUFFIXES:
                    file = os.path.join(folder or os.getcwd(), name + suffix)
                    if os.path.isfile(file):
                        return spec_from_file_location(fullname, file, loader=Loader(file))
        return None

    @classmethod
    def invalidate_caches(cls) -> None:
        """Nothing: folders are looked at each time."""


class Loader(AnyLoader):
    """Makes the Python module of a WebAssembly file ."""

    def __init__(self, path: str) -> None:
        self.path = path

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """None: an ordinary module."""

    def exec_module(self, module: ModuleType) -> None:
        """Instantiate the file, and make its exports the module's attributes. Also for importlib.reload, which gets a
        new instance.
        """
        try:
            wasm = Module(self.path)
            instance = _instantiate(wasm, _Beside(module.__name__, self.path), os.path.basename(self.path))
        except WasmError as error:
            error.add_note(f"while importing {module.__name__} from {self.path}")
            raise
        module.__doc__ = _documentation(wasm, self.path)
        module.__dict__[INSTANCE] = instance
        names = [name for name in instance.exports if not is_reserved(name)]
        for name in names:
            module.__dict__[name] = instance.exports[name]
        module.__dict__["__all__"] = [name for name in names if is_plain(name) and not name.startswith("_")]


def is_reserved(name: str) -> bool:
    """Whether a name is Python's, as `__name__` is: an export with such a name is an item of the instance alone."""
    return name.startswith("__") and name.endswith("__")


def is_plain(name: str) -> bool:
    """Whether a program can write a name as one of Python's."""
    return name.isidentifier() and not iskeyword(name)


def _documentation(wasm: Module, path: str) -> str:
    lines = [f"{os.path.basename(path)}: a WebAssembly module", ""]
    return "\n".join([*lines, *(f"    {each}" for each in wasm.exports)])


def _instantiate(wasm: Module, imports: _Beside, name: str) -> Instance:
    """An instance of a module, with a world of WASI's if it asks for one: the standard output and error of this
    process, one argument, no files.
    """
    if not any(each.module in MODULES for each in wasm.blueprint.imports):
        return Instance(wasm, imports)
    from jormun.api.wasi import Wasi
    from jormun.wasi.streams import DEVNULL

    return Instance(wasm, imports, wasi=Wasi([name], stdin=DEVNULL))


class _Beside(Mapping[str, ImportModule]):
    """What a WebAssembly module may import: from modules in its own folder, ours and those of Python's that give
    something.
    """

    def __init__(self, importer: str, path: str) -> None:
        self._package = importer.rpartition(".")[0]
        self._importer = importer
        self._folder = os.path.dirname(os.path.abspath(path))
        self._found: dict[str, ImportModule | None] = {}

    def __getitem__(self, name: str) -> ImportModule:
        if name not in self._found:
            self._found[name] = self._find(name)
        found = self._found[name]
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, found in self._found.items() if found is not None])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        try:
            return isinstance(name, str) and self[name] is not None
        except KeyError:
            return False

    def _find(self, name: str) -> ImportModule | None:
        """What a module beside the importer gives; None where there is none, or it gives nothing."""
        if not name.isidentifier():
            return None
        fullname = f"{self._package}.{name}" if self._package else name
        try:
            spec = find_spec(fullname)  # which runs nothing: the package is imported already
        except ValueError:  # a module without a spec, as __main__ may be
            return None
        if spec is None or spec.origin is None or not self._is_beside(spec.origin):
            return None
        module = import_module(fullname)
        instance = getattr(module, INSTANCE, None)
        if isinstance(instance, Instance):
            return instance.exports
        if isinstance(spec.loader, Loader):
            raise LinkError(f"{self._importer} imports {fullname}, which is still being imported itself")
        given: Any = getattr(module, GIVEN, None)
        return given if isinstance(given, Mapping) else None

    def _is_beside(self, origin: str) -> bool:
        folder, file = os.path.split(os.path.abspath(origin))
        if file.startswith("__init__."):
            folder = os.path.dirname(folder)
        return folder == self._folder
