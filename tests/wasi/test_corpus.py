"""Real programs that others built, run as a user runs them; see the corpus's README for how."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import jormun

from ..shared import SHARED, needs_shared

pytestmark = needs_shared

CORPUS = SHARED / "corpus"
LIBSODIUM = sorted((CORPUS / "libsodium").glob("*.wasm"))
SIGHTGLASS = sorted((CORPUS / "sightglass").glob("*/*.wasm"))
QUICK = {"splay", "hash3", "siphashx24", "shootout-gimli", "shootout-xblabla20"}
"""Those that take about a second; the others are left to the long run."""
BENCH = '(module (func (export "start")) (func (export "end")))'
"""What the benchmark programs call around the part that they measure."""


def marked(programs: list[Path]) -> list[object]:
    return [
        pytest.param(path, id=path.relative_to(CORPUS).as_posix(), marks=() if path.stem in QUICK else pytest.mark.slow)
        for path in programs
    ]


def run(*arguments: str | Path, folder: Path, input: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """`jormun run` in a folder, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "jormun", "run", *map(str, arguments)],
        cwd=folder,
        input=input,
        env={**os.environ, "PYTHONPATH": str(Path(jormun.__file__).parents[1])},
        capture_output=True,
        timeout=600,
    )


def expected(program: Path, stream: str) -> bytes | None:
    """What a program is to write to a stream, where the corpus says so."""
    for name in (f"{program.stem}.{stream}.expected", f"default.{stream}.expected"):
        path = program.parent / name
        if path.exists():
            return path.read_bytes()
    return None


@pytest.mark.parametrize("program", marked(LIBSODIUM))
def test_libsodium(program: Path) -> None:
    """Each checks itself, says on its last line how long it took, and exits with 0."""
    done = run(program.name, folder=program.parent)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.splitlines()[-1].isdigit()


@pytest.mark.parametrize("program", marked(SIGHTGLASS))
def test_sightglass(program: Path, tmp_path: Path) -> None:
    """Reads its input in the current directory, and writes what is expected to the byte."""
    bench = tmp_path / "bench.wat"
    bench.write_text(BENCH)
    done = run("--dir", ".", "--preload", f"bench={bench}", program.name, folder=program.parent)
    assert done.returncode == 0, done.stderr
    for stream, written in (("stdout", done.stdout), ("stderr", done.stderr)):
        wanted = expected(program, stream)
        assert wanted is None or written == wanted


SCRIPT = """
const file = std.open("data/out.txt", "w");
file.puts("line one\\nline two\\n");
file.close();
const back = std.open("data/out.txt", "r");
back.seek(-9, std.SEEK_END);
console.log(back.readAsString().trim(), back.tell());
const [status, error] = os.stat("data/out.txt");
console.log(error, status.size, (status.mode & os.S_IFMT) == os.S_IFREG);
os.mkdir("data/sub");
os.rename("data/out.txt", "data/sub/moved.txt");
os.symlink("sub/moved.txt", "data/link");
console.log(os.readlink("data/link")[0], os.readdir("data")[0].sort().join());
console.log(std.open("data/link", "r").readAsString());
let denied = false;
try { denied = std.open("/etc/passwd", "r") === null; } catch (error) { denied = true; }
console.log(os.stat("../secret.txt")[1] != 0, denied);
os.remove("data/link");
os.remove("data/sub/moved.txt");
std.exit(os.remove("data/sub") == 0 ? 7 : 8);
"""
"""Exercises files; ends with status 7."""


@pytest.mark.slow
def test_quickjs(tmp_path: Path) -> None:
    """An expression on the command line, and a script. It uses files in a directory that it was given, by the older
    module of WASI; the host's others are not there.
    """
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "box"
    (folder / "data").mkdir(parents=True)
    (folder / "script.js").write_text(SCRIPT)
    quickjs = CORPUS / "languages" / "quickjs.wasm"
    expression = "console.log(6*7); std.loadScript('script.js')"
    done = run("--dir", ".", quickjs, "--std", "-e", expression, folder=folder)
    assert done.stderr == b""
    assert done.stdout.decode().splitlines() == [
        "42",
        "line two 18",
        "0 18 true",
        "sub/moved.txt .,..,link,sub",
        "line one",
        "line two",
        "",
        "true true",
    ]
    assert done.returncode == 7
    assert list((folder / "data").iterdir()) == []


@pytest.mark.slow
def test_sqlite(tmp_path: Path) -> None:
    """SQL on standard input, with a database in a file, which the SQLite of Python wrote and reads."""
    sqlite3 = pytest.importorskip("sqlite3", reason="a Python without SQLite")
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("create table t(x)")
        database.execute("insert into t values (20)")
    sql = b"select 6*7;\ninsert into t values (22);\nselect sum(x) from t;\n"
    done = run("--dir", ".", CORPUS / "languages" / "sqlite.wasm", "-batch", "a.db", folder=tmp_path, input=sql)
    assert (done.returncode, done.stdout) == (0, b"42\n42\n")
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("select x from t order by x").fetchall() == [(20,), (22,)]
