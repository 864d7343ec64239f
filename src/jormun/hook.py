"""Lets `import` find WebAssembly: `import jormun.hook; import calc` loads calc.wasm or calc.wat from sys.path.

The exports of its instance are the module's attributes; `calc.__wasm__` is the `jormun.Instance`, whose `exports` has
those as well that are no Python names. Packages may hold WebAssembly modules, importlib.reload makes a new instance,
and `jormun stubs calc.wasm` writes calc.pyi for type checkers.

What a module imports is looked for in its own folder, and nowhere else. `(import "host" "log" ...)` is the export "log"
of host.wasm or host.wat, or what host.py gives:

    from jormun.hook import export

    @export
    def log(number): ...

Other functions of host.py, and other modules of Python's, are out of the guest's reach. A module of Python's may also
list what it gives, numbers for globals too, in a dict `__wasm_exports__`. A module that imports WASI gets a world with
the standard output and error of this process and no files, and its `_initialize` is called.

calc.py, or a folder calc/, beside calc.wasm is what Python finds first.
"""

from __future__ import annotations

import sys

from jormun.api.importing import Finder, export

__all__ = ["export", "install", "uninstall"]


def install() -> None:
    """Let `import` find WebAssembly. Importing jormun.hook does it."""
    if Finder not in sys.meta_path:
        sys.meta_path.append(Finder)


def uninstall() -> None:
    """Let it find none any more; what was imported stays."""
    if Finder in sys.meta_path:
        sys.meta_path.remove(Finder)


install()
