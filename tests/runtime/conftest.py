"""What tests of the run time share: instances from text."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jormun.optimizing.engine import OptimizingEngine
from jormun.runtime.instance import Instance
from jormun.runtime.instantiation import instantiate
from jormun.runtime.linking import Imports, resolve
from jormun.runtime.module import CompiledModule
from jormun.runtime.native import dirty_pages
from jormun.runtime.store import Store
from jormun.text.module import parse_module
from jormun.validation.module import validate

ENGINE = OptimizingEngine()
Make = Callable[..., Instance]


def compiled(wat: str) -> CompiledModule:
    """The module that a text is, to be compiled by LLVM."""
    return CompiledModule(validate(parse_module(wat)), ENGINE)


@pytest.fixture
def store() -> Store:
    """An empty store."""
    return Store()


@pytest.fixture
def make(store: Store) -> Make:
    """Makes an instance of a text in the test's store."""

    def make(wat: str, imports: Imports | None = None) -> Instance:
        module = compiled(wat)
        return instantiate(store, module, resolve(module.blueprint, imports or {}, store))

    return make


@pytest.fixture(params=["pages are asked for", "pages cannot be asked for"])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test runs with kernels that tell which pages were written, and with others."""
    if request.param != "pages are asked for":
        scanner = dirty_pages.Scanner()
        scanner.give_up()
        monkeypatch.setattr(dirty_pages, "scanner", scanner)
