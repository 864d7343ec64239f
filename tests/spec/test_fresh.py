"""The standard's scripts, on instances that are made of others: of the parts of dead ones, and of snapshots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from jormun.api.config import Config
from jormun.binary.decode import decode
from jormun.binary.encode import encode
from jormun.cli import script_runner
from jormun.cli.script_runner import ScriptRunner, Verdict
from jormun.cli.wast import KnownGaps, run_script
from jormun.errors import ExhaustionError, Trap, UnsupportedError, WasmError
from jormun.features import Features
from jormun.runtime.instance import Instance
from jormun.runtime.instantiation import instantiate
from jormun.runtime.linking import Extern
from jormun.runtime.module import CompiledModule
from jormun.runtime.snapshot import snapshot
from jormun.runtime.store import Store
from jormun.validation.module import validate
from tests.shared import needs_shared, scripts
from tests.spec.test_scripts import GAPS, _parameter

ALL_FEATURES = Features(threads=True, wide_arithmetic=True, custom_page_sizes=True)
PAGE = 65536


def after_others(store: Store, compiled: CompiledModule, imports: Sequence[Extern]) -> Instance:
    """An instance after others of the module, in which all that can be changed was."""
    if not imports and compiled.blueprint.start is None:
        try:
            for _ in range(3):
                _spoil(instantiate(Store(), compiled, ()))
        except (Trap, UnsupportedError):
            pass  # the script expects it, or knows of the gap
    return instantiate(store, compiled, imports)


def _spoil(instance: Instance) -> None:
    for memory in instance.memories:
        if len(memory):
            memory.write(0, b"\xaa" * min(len(memory), 3 * PAGE))
            memory.write(len(memory) - 1, b"\xbb")
        memory.try_grow(1)
    instance.fill()
    for table in instance.native.tables:
        for index in range(table.size):
            table.set(index, 0)
        table.grow(1, 0)


def of_a_snapshot(store: Store, compiled: CompiledModule, imports: Sequence[Extern]) -> Instance:
    """An instance of a snapshot of the instance, where it can have one: through bytes, which are valid."""
    instance = instantiate(store, compiled, imports)
    try:
        module = snapshot(instance)
    except ExhaustionError:
        raise
    except WasmError:
        return instance
    valid = validate(decode(encode(module), ALL_FEATURES), ALL_FEATURES)
    return instantiate(store, CompiledModule(valid, compiled.engine), imports)


@needs_shared
@pytest.mark.parametrize("make", [after_others, of_a_snapshot])
@pytest.mark.parametrize("path", [_parameter(path) for path in scripts() if "legacy" not in path.parts])
def test_script(path: Path, make: Callable[..., Instance], monkeypatch: pytest.MonkeyPatch) -> None:
    """All commands of the script do what they do on any instance."""
    monkeypatch.setattr(script_runner, "instantiate", make)
    outcomes = run_script(path, ScriptRunner(Config(tier="baseline")), KnownGaps(GAPS.read_text()))
    failures = [f"{path}:{o.line}: {o.message}" for o in outcomes if o.verdict is Verdict.FAILED]
    assert not failures, "\n".join(failures)
