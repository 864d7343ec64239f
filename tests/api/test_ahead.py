"""Modules that were compiled ahead of time, from Python."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import jormun
from jormun.api.tier import Tier
from jormun.cache.artifact import read_artifact
from jormun.runtime.tiering.settings import MAX_COUNTER, Tiering

MODULE = """(module $calc (import "env" "log" (func $log (param i32)))
  (type $pair (struct (field i32)))
  (memory (export "memory") 1) (data (i32.const 3) "abc") (global (export "g") (mut i32) (i32.const 8))
  (table 3 funcref) (elem (i32.const 1) $add)
  (func $add (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "say") (param i32) (call $log (call_indirect (param i32 i32) (result i32)
    (local.get 0) (i32.load8_u (i32.const 4)) (i32.const 1))))
  (func $deep (export "trap") unreachable)
  (func (export "pair") (result anyref) (struct.new $pair (i32.const 1))))"""


@pytest.fixture(params=["optimizing", "baseline"])
def saved(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The file that the module becomes, by each tier."""
    path = tmp_path / "calc"
    jormun.Module(MODULE).save(path, tier=request.param)
    return path


def _log(seen: list[int]) -> dict[str, dict[str, object]]:
    return {"env": {"log": seen.append}}


def test_what_was_saved_runs(saved: Path) -> None:
    """As the module itself does: functions, memories, tables, traps with names."""
    seen: list[int] = []
    module = jormun.Module.open(saved)
    assert [str(each) for each in module.exports] == [str(each) for each in jormun.Module(MODULE).exports]
    exports = jormun.Instance(module, _log(seen)).exports
    assert exports.add(2, -5) == -3 and exports.g.value == 8 and bytes(exports.memory[3:6]) == b"abc"
    exports.say(100)
    assert seen == [100 + ord("b")]
    with pytest.raises(jormun.Trap) as caught:
        exports.trap()
    assert "deep" in str(caught.value)


def test_objects_are_made_ahead(saved: Path) -> None:
    """By code that was compiled in another process, which numbers types anew."""
    assert list(jormun.load(saved, _log([])).exports.pair()) == [1]


def test_load_takes_both(saved: Path, tmp_path: Path) -> None:
    """A path leads to either; a str or a PathLike."""
    (tmp_path / "calc.wat").write_text(MODULE)
    for source in (saved, str(saved), tmp_path / "calc.wat"):
        assert jormun.load(source, _log([])).exports.add(4, 5) == 9


def test_load_reads_a_pipe(tmp_path: Path) -> None:
    """Looking whether a file is an artifact does not take a pipe from its writer."""
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=(MODULE,))
    writer.start()
    assert jormun.load(tmp_path / "pipe", _log([])).exports.add(4, 5) == 9
    writer.join()


def test_instances_share_the_code(saved: Path) -> None:
    """One module, many instances and tiers."""
    for tier in ("auto", "baseline", "optimizing"):
        module = jormun.Module.open(saved, config=jormun.Config(tier=tier))  # type: ignore[arg-type]
        for _ in range(3):
            assert jormun.Instance(module, _log([])).exports.add(4, 5) == 9


def test_bytes_are_never_machine_code(saved: Path) -> None:
    """Wherever a module is made from bytes or from a path that is to be WebAssembly, an artifact is malformed."""
    data = saved.read_bytes()
    for source in (data, bytearray(data), memoryview(data), saved, str(saved)):
        with pytest.raises(jormun.MalformedError, match="not WebAssembly but machine code"):
            jormun.Module(source)
    for given in (data, bytearray(data)):
        with pytest.raises(jormun.MalformedError, match="not WebAssembly but machine code"):
            jormun.load(given)


def test_a_file_that_is_not_marked_is_not_run(saved: Path) -> None:
    """An upload that was saved, whatever is in it, is refused by all that take files."""
    upload = saved.with_name("upload")
    upload.write_bytes(saved.read_bytes())
    for take in (jormun.load, jormun.Module.open, lambda path: jormun.run([path])):
        with pytest.raises(jormun.ArtifactError, match="not run before `chmod \\+x`"):
            take(upload)
    upload.rename(upload.with_suffix(".wasm")).chmod(0o755)
    with pytest.raises(jormun.ArtifactError, match="named as a WebAssembly module"):
        jormun.load(upload.with_suffix(".wasm"))


def test_open_takes_nothing_else(tmp_path: Path) -> None:
    """It is the door for machine code alone."""
    (tmp_path / "module").write_bytes(b"\0asm\1\0\0\0")
    (tmp_path / "module").chmod(0o755)
    with pytest.raises(jormun.ArtifactError, match="not machine code that `jormun compile` made"):
        jormun.Module.open(tmp_path / "module")
    with pytest.raises(FileNotFoundError):
        jormun.Module.open(tmp_path / "none")


def test_programs(tmp_path: Path) -> None:
    """`jormun.run` runs a compiled program."""
    jormun.Module(
        """(module (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1) (data (i32.const 0) "\\08\\00\\00\\00\\06\\00\\00\\00hello\\n")
          (func (export "_start")
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))"""
    ).save(tmp_path / "hello")
    out = io.StringIO()
    assert jormun.run([tmp_path / "hello"], stdout=out, text=True).returncode == 0
    assert out.getvalue() == "hello\n"


def test_a_name_that_is_not_opened(tmp_path: Path) -> None:
    """Is refused before the work is done."""
    with pytest.raises(ValueError, match=r"by the name of a module, \.wasm or \.wat"):
        jormun.Module("(module)").save(tmp_path / "app.wasm")


def test_an_opened_module_is_saved_again(saved: Path, tmp_path: Path) -> None:
    """It has what it was made from."""
    jormun.Module.open(saved).save(tmp_path / "again", cpu="x86-64-v2")
    assert jormun.load(tmp_path / "again", _log([])).exports.add(4, 5) == 9


def test_features_are_kept(tmp_path: Path) -> None:
    """What was validated with features of its own is read with them."""
    config = jormun.Config(features=jormun.Features(threads=False))
    module = jormun.Module("(module)", config=config)
    module.save(tmp_path / "out")
    assert read_artifact(tmp_path / "out").features == config.features
    assert jormun.Module.open(tmp_path / "out").config.features == config.features


def test_other_machines(tmp_path: Path) -> None:
    """A file for one is written, and refused here; what there is no code for is an error, and nothing is written."""
    module = jormun.Module("(module)")
    module.save(tmp_path / "arm", target="aarch64-linux", cpu="neoverse-n1")
    with pytest.raises(jormun.ArtifactError, match=r"^is compiled for aarch64 Linux, this machine is x86_64 Linux$"):
        jormun.load(tmp_path / "arm")
    with pytest.raises(jormun.UnsupportedError, match="riscv64"):
        module.save(tmp_path / "risc", target="riscv64-linux")
    assert not (tmp_path / "risc").exists()


def test_portable_code_is_the_same_on_all_machines(tmp_path: Path) -> None:
    """Two compilations give the same bytes, so that a build can be repeated."""
    module = jormun.Module(MODULE)
    for name in ("one", "two"):
        module.save(tmp_path / name, target="x86_64-linux")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


HOT = """(module (func (export "hot") (param $n i32) (result i32) (local $x i32)
  (loop $l (local.set $x (i32.add (local.get $x) (local.get $n)))
    (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
  (local.get $x)))"""


def test_baseline_code_gets_better(tmp_path: Path) -> None:
    """It asks, as that of tier auto does, since the function may be hot in whoever opens the file."""
    tiering = Tiering(threshold=0, is_synchronous=True)
    jormun.Module(HOT).save(tmp_path / "hot", tier="baseline")
    module = jormun.Module.open(tmp_path / "hot", config=jormun.Config(tiering=tiering))
    assert jormun.Instance(module).exports.hot(1000) == 500_500
    assert module.compiled.tier_up is not None
    assert module.compiled.tier_up.learned().functions == (0,)


@pytest.mark.parametrize("tier", ["baseline", "optimizing"])
def test_baseline_code_asks_nobody(tmp_path: Path, tier: Tier) -> None:
    """With a tier that has no better code, or makes all of it at once, it asks no more than once."""
    jormun.Module(HOT).save(tmp_path / "hot", tier="baseline")
    module = jormun.Module.open(tmp_path / "hot", config=jormun.Config(tier=tier))
    assert jormun.Instance(module).exports.hot(1000) == 500_500
    assert module.compiled.tier_up is None
    assert MAX_COUNTER - 2000 < module.compiled.counter_values[0] < MAX_COUNTER


def test_tiers_that_do_not_compile_ahead(tmp_path: Path) -> None:
    """Nor does the baseline tier for other machines; nothing is written."""
    module = jormun.Module(HOT)
    with pytest.raises(ValueError, match="no tier 'auto' compiles ahead of time, there are baseline, optimizing"):
        module.save(tmp_path / "hot", tier="auto")
    with pytest.raises(jormun.UnsupportedError, match="the baseline tier makes code for x86_64 Linux alone"):
        module.save(tmp_path / "hot", tier="baseline", cpu="x86-64-v3")
    assert not any(tmp_path.iterdir())


def test_progress(tmp_path: Path) -> None:
    """It is told of all functions."""
    seen: list[tuple[int, int]] = []
    jormun.Module(MODULE).save(tmp_path / "out", progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (4, 4)


def test_nothing_heavy_is_imported(saved: Path) -> None:
    """Opening a file takes no compiler, decoder or validator."""
    script = f"""
import sys, jormun
assert jormun.load({str(saved)!r}, {{"env": {{"log": print}}}}).exports.add(1, 2) == 3
heavy = ("llvmlite", "jormun.baseline", "jormun.optimizing", "jormun.binary", "jormun.text", "jormun.validation.body",
         "jormun.opcodes", "jormun.syntax.module", "dataclasses", "typing", "argparse", "re", "subprocess")
print(sorted(name for name in sys.modules for each in heavy if name == each or name.startswith(each + ".")))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


SUM = """(module (func (export "sum") (param i64) (result i64) (local i64)
  (loop (local.set 1 (i64.add (local.get 1) (local.get 0)))
    (br_if 0 (i64.ne (local.tee 0 (i64.sub (local.get 0) (i64.const 1))) (i64.const 0)))) (local.get 1)))"""


@pytest.mark.parametrize("tier", ["optimizing", "baseline"])
@pytest.mark.parametrize("costs", [None, jormun.Costs(default=3, instructions={"i64.sub": 7})])
def test_metered_code_is_saved(tmp_path: Path, tier: Tier, costs: jormun.Costs | None) -> None:
    """It counts as code does that is compiled when it is called, by the costs that it was saved with; code without
    fuel is made of the module.
    """
    config = jormun.Config(costs=costs, cache=False)
    limits = jormun.Limits(fuel=10**6)
    module = jormun.Module(SUM, config=config)
    module.save(tmp_path / "sum", tier=tier, is_metered=True)
    opened = jormun.Module.open(tmp_path / "sum")
    assert opened.config.table == config.table
    expected, instance = module.instantiate(limits=limits), opened.instantiate(limits=limits)
    assert expected.exports.sum(100) == instance.exports.sum(100) == 5050
    assert expected.limits.usage.fuel == instance.limits.usage.fuel > 0
    assert opened._origin._valid is None, "nothing was decoded, and so nothing compiled"
    assert opened.instantiate().exports.sum(100) == 5050
    other = jormun.Module.open(tmp_path / "sum", config=jormun.Config(costs=jormun.Costs(default=5)))
    assert other.instantiate(limits=limits).exports.sum(100) == 5050
