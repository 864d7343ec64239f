"""Exceptions in code that is kept: in the cache, in artifacts, in pickles; and at the command line."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import jormun
from jormun import Config, WasmError, WasmException
from jormun.api.tier import Tier
from jormun.cache.kept import save_all
from tests.runtime.test_exceptions import GUEST

TIERS: tuple[Tier, ...] = ("baseline", "optimizing")
IMPORTS = {"env": {"host": abs}}
PROGRAM = """(module (tag $broken (export "broken") (param i32)) (memory (export "memory") 1)
  (func $f (throw $broken (i32.const 3))) (func (export "_start") (call $f)))"""


def check(exports: jormun.Exports) -> None:
    """Throw, catch, and let one out."""
    assert [exports.catch(x) for x in (0, 5)] == [-1, 1005]
    with pytest.raises(WasmException) as raised:
        exports.throw(6)
    assert raised.value.tag == exports.code and raised.value.values == (6,)


@pytest.mark.parametrize("tier", TIERS)
def test_code_from_the_cache(tier: Tier, tmp_path: Path) -> None:
    """A second module uses what the first compiled."""
    for _ in range(2):
        module = jormun.Module(GUEST, config=Config(tier=tier, cache=tmp_path))
        check(jormun.Instance(module, IMPORTS).exports)
        save_all()


@pytest.mark.parametrize("tier", TIERS)
def test_a_pickled_module(tier: Tier) -> None:
    """It brings its code."""
    module = jormun.Module(GUEST, config=Config(tier=tier, cache=False))
    check(jormun.Instance(module, IMPORTS).exports)
    check(jormun.Instance(pickle.loads(pickle.dumps(module)), IMPORTS).exports)


@pytest.mark.parametrize("tier", TIERS)
def test_an_instance_of_the_parts_of_a_dead_one(tier: Tier) -> None:
    """It has tags of its own, and throws into its own store."""
    text = GUEST.replace('(import "env" "host" (func $host (param i32) (result i32)))', "").replace(
        "(tag $code", "(func $host (param i32) (result i32) (local.get 0)) (tag $code", 1
    )
    module = jormun.Module(text, config=Config(tier=tier, cache=False))
    tags = set()
    for _ in range(4):
        exports = jormun.Instance(module).exports
        check(exports)
        tags.add(exports.code.identity)
        del exports
    assert len(tags) == 4


def test_a_snapshot_holds_no_exception() -> None:
    """An instance that refers to one cannot be written down; one that does not can."""
    text = """(module (tag $t) (global $kept (export "kept") (mut exnref) (ref.null exn))
      (func (export "keep")
        (block $h (result exnref) (try_table (catch_all_ref $h) (throw $t)) (unreachable)) (global.set $kept)))"""
    instance = jormun.load(text)
    instance.snapshot()
    instance.exports.keep()
    assert isinstance(instance.exports.kept.value, WasmException)
    with pytest.raises(WasmError, match="cannot make a snapshot"):
        instance.snapshot()


def test_the_command_line_says_what_was_thrown(tmp_path: Path) -> None:
    """A program that ends by an exception ends as after a trap, with the frames that threw it."""
    path = tmp_path / "program.wat"
    path.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "jormun", "run", "--no-cache", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 134
    assert done.stderr.splitlines()[0].endswith("unhandled exception: broken(3)")
    assert [line.split()[-1] for line in done.stderr.splitlines()[1:]] == ["$f", "$_start"]
