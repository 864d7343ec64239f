"""A module in the form that printing and parsing keep: what the text format cannot say is brought to one form."""

from __future__ import annotations

from jormun.dataclass import replace
from jormun.syntax import code
from jormun.syntax.expression import Expr
from jormun.syntax.mode import Active, Declarative, Passive
from jormun.syntax.module import Module
from jormun.types import ValType


def canonical(module: Module) -> Module:
    """The same module with minimal numbers in its code, and its locals in as few runs as can be."""
    return replace(
        module,
        functions=tuple(replace(f, locals=_runs(f.locals), body=code.canonical(f.body)) for f in module.functions),
        tables=tuple(replace(t, init=None if t.init is None else code.canonical(t.init)) for t in module.tables),
        globals=tuple(replace(g, init=code.canonical(g.init)) for g in module.globals),
        elements=tuple(
            replace(e, init=tuple(code.canonical(i) if isinstance(i, Expr) else i for i in e.init), mode=_mode(e.mode))
            for e in module.elements
        ),
        datas=tuple(replace(d, mode=_mode(d.mode)) for d in module.datas),
    )


def _mode(mode: Active | Passive | Declarative) -> Active | Passive | Declarative:
    return replace(mode, offset=code.canonical(mode.offset)) if isinstance(mode, Active) else mode


def _runs(locals: tuple[tuple[int, ValType], ...]) -> tuple[tuple[int, ValType], ...]:
    runs: list[tuple[int, ValType]] = []
    for count, t in locals:
        if runs and runs[-1][1] == t:
            runs[-1] = (runs[-1][0] + count, t)
        elif count:
            runs.append((count, t))
    return tuple(runs)
