"""Jormun runs WebAssembly and WASI programs inside Python, at native speed, in a sandbox.

    done = jormun.run(["app.wasm", "--flag"], input="hello", capture_output=True, text=True)
    calc = jormun.load("calc.wasm")
    calc.exports.add(1, 2)

Everything is imported when it is first used (PEP 562): `import jormun` itself takes about a millisecond.
"""

from __future__ import annotations

from jormun.version import VERSION as __version__

TYPE_CHECKING = False  # typing's own would cost the import of typing; type checkers know it by its name
if TYPE_CHECKING:
    from jormun.api.arrays import GuestArray
    from jormun.api.config import Config
    from jormun.api.instance import Exports, Instance, load
    from jormun.api.memory import Memory
    from jormun.api.module import ExportType, ImportType, Module
    from jormun.api.run import CompletedProcess, run
    from jormun.api.run_async import run_async
    from jormun.api.vectorize import vectorize
    from jormun.api.wasi import Wasi
    from jormun.errors import (
        ArtifactError,
        ExhaustionError,
        Exit,
        Frame,
        HostError,
        InvalidError,
        LinkError,
        MalformedError,
        TimeoutError,
        Trap,
        TrapKind,
        UnsupportedError,
        WasmError,
    )
    from jormun.features import Features
    from jormun.runtime.allowance import Allowance, Usage
    from jormun.runtime.engine import Engine
    from jormun.runtime.exceptions import WasmException
    from jormun.runtime.function import Function as Func
    from jormun.runtime.globals import Global
    from jormun.runtime.limits import Limits
    from jormun.runtime.metering.costs import Costs
    from jormun.runtime.objects import Array, Struct
    from jormun.runtime.store import Store
    from jormun.runtime.table import Table
    from jormun.runtime.tag import Tag
    from jormun.wasi.host_directory import HostDirectory
    from jormun.wasi.memory_directory import MemoryDirectory
    from jormun.wasi.overlay_directory import OverlayDirectory
    from jormun.wasi.quota import Quota
    from jormun.wasi.scratch_directory import ScratchDirectory

_PLACES = {
    "jormun.api.arrays": ("GuestArray",),
    "jormun.api.config": ("Config",),
    "jormun.api.instance": ("Exports", "Instance", "load"),
    "jormun.api.memory": ("Memory",),
    "jormun.api.module": ("ExportType", "ImportType", "Module"),
    "jormun.api.run": ("CompletedProcess", "run"),
    "jormun.api.run_async": ("run_async",),
    "jormun.api.vectorize": ("vectorize",),
    "jormun.api.wasi": ("Wasi",),
    "jormun.errors": (
        "ArtifactError", "ExhaustionError", "Exit", "Frame", "HostError", "InvalidError", "LinkError", "MalformedError",
        "TimeoutError", "Trap", "TrapKind", "UnsupportedError", "WasmError",
    ),
    "jormun.features": ("Features",),
    "jormun.runtime.allowance": ("Allowance", "Usage"),
    "jormun.runtime.engine": ("Engine",),
    "jormun.runtime.exceptions": ("WasmException",),
    "jormun.runtime.function": ("Func",),
    "jormun.runtime.globals": ("Global",),
    "jormun.runtime.limits": ("Limits",),
    "jormun.runtime.metering.costs": ("Costs",),
    "jormun.runtime.objects": ("Array", "Struct"),
    "jormun.runtime.store": ("Store",),
    "jormun.runtime.table": ("Table",),
    "jormun.runtime.tag": ("Tag",),
    "jormun.wasi.host_directory": ("HostDirectory",),
    "jormun.wasi.memory_directory": ("MemoryDirectory",),
    "jormun.wasi.overlay_directory": ("OverlayDirectory",),
    "jormun.wasi.quota": ("Quota",),
    "jormun.wasi.scratch_directory": ("ScratchDirectory",),
}  # fmt: skip
_PLACE_OF = {name: place for place, names in _PLACES.items() for name in names}
_NAMES_THERE = {"Func": "Function"}

__all__ = [
    "Allowance",
    "Array",
    "ArtifactError",
    "CompletedProcess",
    "Config",
    "Costs",
    "Engine",
    "ExhaustionError",
    "Exit",
    "ExportType",
    "Exports",
    "Features",
    "Frame",
    "Func",
    "Global",
    "GuestArray",
    "HostDirectory",
    "HostError",
    "ImportType",
    "Instance",
    "InvalidError",
    "Limits",
    "LinkError",
    "MalformedError",
    "Memory",
    "MemoryDirectory",
    "Module",
    "OverlayDirectory",
    "Quota",
    "ScratchDirectory",
    "Store",
    "Struct",
    "Table",
    "Tag",
    "TimeoutError",
    "Trap",
    "TrapKind",
    "UnsupportedError",
    "Usage",
    "Wasi",
    "WasmError",
    "WasmException",
    "__version__",
    "load",
    "run",
    "run_async",
    "vectorize",
]


def __getattr__(name: str) -> object:
    place = _PLACE_OF.get(name)
    if place is None:
        raise AttributeError(f"module 'jormun' has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(place), _NAMES_THERE.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
