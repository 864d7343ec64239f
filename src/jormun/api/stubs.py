"""Stubs (PEP 484, .pyi) of WebAssembly modules as jormun.hook imports them."""

from __future__ import annotations

from collections.abc import Sequence

from jormun.api.importing import is_plain, is_reserved
from jormun.api.module import ExportType, Module
from jormun.runtime.linking import describe
from jormun.syntax.names import Subsection, names_of
from jormun.types import (
    AbsHeapType,
    DefType,
    ExternKind,
    FuncExternType,
    FuncType,
    NumType,
    RefType,
    ValType,
    VecType,
)

_CLASSES = {
    ExternKind.MEMORY: "jormun.Memory",
    ExternKind.TABLE: "jormun.Table",
    ExternKind.GLOBAL: "jormun.Global",
    ExternKind.TAG: "jormun.Tag",
}


def stub_of(module: Module, name: str) -> str:
    """The text of a stub for a module; `name` is what to call it in its first line.

    Functions have the types of Python values: what has `__index__` for integers. Exports whose names are not Python's
    are named in comments.
    """
    lines = [
        f'"""{_plain(name)}: a WebAssembly module. Written by `jormun stubs`."""',
        "",
        "from collections.abc import Callable",
        "from typing import Any, SupportsFloat, SupportsIndex",
        "",
        "import jormun",
        "",
        "__wasm__: jormun.Instance",
    ]
    public = []
    for each in module.exports:
        if not is_plain(each.name) or is_reserved(each.name):
            lines.append(f"# {_plain(each.name)!r}: {_plain(describe(each.type))}: in __wasm__.exports")
        else:
            lines.append(_declaration(module, each))
            if not each.name.startswith("_"):
                public.append(each.name)
    lines.append(f"__all__ = [{', '.join(map(repr, public))}]" if public else "__all__: list[str] = []")
    return "\n".join([*lines, ""])


def _declaration(module: Module, export: ExportType) -> str:
    t = export.type
    if not isinstance(t, FuncExternType):
        return f"{export.name}: {_CLASSES[export.kind]}"
    assert isinstance(t.type, DefType) and isinstance(t.type.composite, FuncType)
    func_type = t.type.composite
    names = _parameter_names(module, export.name, len(func_type.params))
    params = ", ".join(f"{name}: {_given(p)}" for name, p in zip(names, func_type.params, strict=True))
    results = [_returned(r) for r in func_type.results]
    returned = "None" if not results else results[0] if len(results) == 1 else f"tuple[{', '.join(results)}]"
    return f"def {export.name}({params}{', /' if params else ''}) -> {returned}: ..."


def _parameter_names(module: Module, export: str, count: int) -> Sequence[str]:
    """What a function's parameters are called: by the name section if all have names that Python can have too."""
    index = next(e.index for e in module.blueprint.exports if e.name == export)
    known = names_of(module.valid.module).within(Subsection.LOCAL, index)
    names = [known.get(k, "") for k in range(count)]
    if len(set(names)) == count and all(map(is_plain, names)):
        return names
    return [f"param{k}" for k in range(count)]


def _given(t: ValType) -> str:
    """What may be passed as a type."""
    match t:
        case NumType.I32 | NumType.I64:
            return "SupportsIndex"
        case NumType.F32 | NumType.F64:
            return "SupportsFloat | SupportsIndex"
        case VecType.V128:
            return "bytes | bytearray | memoryview"
        case _:
            return _reference(t)


def _returned(t: ValType) -> str:
    """What comes back as a type."""
    match t:
        case NumType.I32 | NumType.I64:
            return "int"
        case NumType.F32 | NumType.F64:
            return "float"
        case VecType.V128:
            return "bytes"
        case _:
            return _reference(t)


def _reference(t: RefType) -> str:
    is_function = t.heap is AbsHeapType.FUNC or (isinstance(t.heap, DefType) and isinstance(t.heap.composite, FuncType))
    if is_function:
        return "Callable[..., Any] | None" if t.nullable else "Callable[..., Any]"
    return "Any"


def _plain(text: str) -> str:
    """Text that a comment or a docstring can hold: names of guests may have any characters."""
    return "".join(c if c.isprintable() and c not in '"\\' else f"<{ord(c):x}>" for c in text)
