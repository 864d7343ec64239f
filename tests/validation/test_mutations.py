"""Valid bodies with bytes and instructions changed: an error of ours or none, and the verdict of another validator."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jormun.binary.encode import encode
from jormun.dataclass import replace
from jormun.errors import InvalidError, MalformedError
from jormun.syntax.code import instructions
from jormun.syntax.expression import Expr
from jormun.syntax.module import Module
from jormun.validation.module import validate

from .build import code
from .rule_cases import INVALID, VALID
from .surroundings import with_operands

SEEDS = [with_operands(params, code(*written), results) for params, written, results, *_ in VALID + INVALID]


@st.composite
def mutated(draw: st.DrawFn) -> Module:
    """A module of the cases with its first body changed."""
    module = draw(st.sampled_from(SEEDS))
    body = bytearray(module.functions[0].body.code)
    for _ in range(draw(st.integers(1, 3))):
        change = draw(st.sampled_from(["replace", "delete", "insert", "take"]))
        at = draw(st.integers(0, len(body) - 1))
        if change == "replace":
            body[at] = draw(st.integers(0, 255))
        elif change == "delete" and len(body) > 1:
            del body[at]
        elif change == "insert":
            body.insert(at, draw(st.integers(0, 255)))
        else:
            body[at:at] = draw(st.sampled_from(INSTRUCTIONS))
    # The decoder lets no body without a final `end` pass.
    body += code("end")
    return replace(module, functions=(replace(module.functions[0], body=Expr(bytes(body))), *module.functions[1:]))


def instructions_of(module: Module) -> list[bytes]:
    """The encodings of the instructions in the first body."""
    body = module.functions[0].body.code
    starts = [instruction.offset for instruction in instructions(body)] + [len(body)]
    return [body[start:end] for start, end in pairwise(starts)]


INSTRUCTIONS = sorted({one for module in SEEDS for one in instructions_of(module)})


def is_valid(module: Module) -> bool:
    """The verdict; exceptions of any other class pass through."""
    try:
        validate(module)
    except (InvalidError, MalformedError):
        return False
    return True


@given(mutated())
@settings(max_examples=500, deadline=None)
def test_mutations_raise_only_our_errors(module: Module) -> None:
    """Whatever a body's bytes are, they are valid, invalid or malformed."""
    is_valid(module)


@pytest.fixture(scope="module")
def oracle() -> Callable[[Module], bool]:
    """The verdict of wasmtime, with every proposal on that Jormun has."""
    wasmtime = pytest.importorskip("wasmtime", reason="the wasmtime package is the oracle of this test")
    config = wasmtime.Config()
    for feature in (
        "bulk_memory", "custom_page_sizes", "exceptions", "function_references", "gc", "memory64", "multi_memory",
        "multi_value", "reference_types", "relaxed_simd", "simd", "tail_call", "threads", "wide_arithmetic",
    ):  # fmt: skip
        setattr(config, f"wasm_{feature}", True)
    config.shared_memory = True
    engine = wasmtime.Engine(config)

    def verdict(module: Module) -> bool:
        try:
            wasmtime.Module.validate(engine, encode(module))
        except wasmtime.WasmtimeError:
            return False
        return True

    return verdict


@given(module=mutated())
@settings(max_examples=500, deadline=None)
def test_mutations_get_the_verdict_of_another_validator(oracle: Callable[[Module], bool], module: Module) -> None:
    """Two validators that share no line of code agree."""
    assert is_valid(module) == oracle(module)


@pytest.mark.parametrize("module", SEEDS, ids=range(len(SEEDS)))
def test_cases_get_the_verdict_of_another_validator(oracle: Callable[[Module], bool], module: Module) -> None:
    """The cases that the mutations start from, unchanged."""
    assert is_valid(module) == oracle(module)
