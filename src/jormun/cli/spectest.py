"""The module `spectest`, from which the standard's test scripts import (the reference interpreter's spectest.ml)."""

from __future__ import annotations

from collections.abc import Mapping

from jormun.runtime.function import Function
from jormun.runtime.globals import Global
from jormun.runtime.linking import Extern
from jormun.runtime.memory import Memory
from jormun.runtime.store import Store
from jormun.runtime.table import Table
from jormun.types import F32, F64, FUNCREF, I32, I64, FuncType, GlobalType, Limits, MemoryType, TableType, ValType

_PRINTED: dict[str, tuple[ValType, ...]] = {
    "print": (),
    "print_i32": (I32,),
    "print_i64": (I64,),
    "print_f32": (F32,),
    "print_f64": (F64,),
    "print_i32_f32": (I32, F32),
    "print_f64_f64": (F64, F64),
}
_GLOBALS: dict[str, tuple[ValType, float]] = {
    "global_i32": (I32, 666),
    "global_i64": (I64, 666),
    "global_f32": (F32, 666.6),
    "global_f64": (F64, 666.6),
}


def spectest(store: Store) -> Mapping[str, Extern]:
    """The module's exports, made anew. What scripts print is dropped."""
    exports: dict[str, Extern] = {}
    for name, params in _PRINTED.items():
        exports[name] = Function.host(store, FuncType(params, ()), _drop, name)
    for name, (t, value) in _GLOBALS.items():
        exports[name] = Global(store, GlobalType(t, False), value)
    exports["table"] = Table(store, TableType(FUNCREF, Limits(10, 20)))
    exports["table64"] = Table(store, TableType(FUNCREF, Limits(10, 20), I64))
    exports["memory"] = Memory(store, MemoryType(Limits(1, 2)))
    exports["shared_memory"] = Memory(store, MemoryType(Limits(1, 2), is_shared=True))
    return exports


def _drop(*values: object) -> None:
    """Take values and do nothing."""
