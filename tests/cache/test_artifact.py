"""Artifacts: found as they were written, and refused, before anything of them is run, when they are not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jormun.api.source import is_artifact
from jormun.cache import artifact as artifact_module
from jormun.cache.artifact import HEADER_BYTES, Artifact, made_for, read_artifact, write_artifact
from jormun.cache.entry import Entry
from jormun.digest import digest
from jormun.errors import ArtifactError
from jormun.features import Features
from jormun.runtime.image import CodeFunction, CodeImage
from jormun.runtime.requirements import Requirements, this_machine
from jormun.version import VERSION

CODE = bytes.fromhex("b82a000000c3")
HERE = this_machine()


def _artifact(needs: Requirements = HERE) -> Artifact:
    image = CodeImage(CODE, (CodeFunction("f", 7, 0, len(CODE)),), needs.architecture)
    return Artifact(needs, Features(threads=False), b"\0asm and so on", Entry(("some", 1), image))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of an artifact."""
    path = tmp_path / "app"
    write_artifact(path, _artifact().encode())
    return path


def _refusal(path: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        read_artifact(path)
    return str(caught.value)


def test_what_was_written_is_read(path: Path) -> None:
    """All of it."""
    found = read_artifact(path)
    assert (found.requirements, found.features, found.data) == (HERE, Features(threads=False), b"\0asm and so on")
    assert (found.entry.plain, bytes(found.entry.image.code)) == (("some", 1), CODE)
    assert found.entry.image.functions == _artifact().entry.image.functions


def test_every_byte_counts(path: Path) -> None:
    """With any byte altered the file is refused, and with the seal right again too where the header tells why."""
    data = path.read_bytes()
    for k in range(len(data)):
        altered = bytearray(data)
        altered[k] ^= 1 << k % 8
        path.write_bytes(altered)
        assert _refusal(path), k


def test_every_cut_counts(path: Path) -> None:
    """What is cut off or longer is refused."""
    data = path.read_bytes()
    for cut in (*(data[:k] for k in range(len(data))), data + b"\0", data * 2):
        path.write_bytes(cut)
        assert _refusal(path), len(cut)


def _with_header(data: bytes, at: int, field: bytes) -> bytes:
    """A file that says something else of itself, under a right digest."""
    header = data[:at] + field + data[at + len(field) : HEADER_BYTES - 32]
    return header + digest(header, memoryview(data)[HEADER_BYTES:]) + data[HEADER_BYTES:]


@pytest.mark.parametrize(
    ("at", "field", "expected"),
    [
        (20, b"0.0.9\0", f"was compiled by Jormun 0.0.9, this is {VERSION}: compile it again"),
        (8, b"\x09", "is of format 9, this Jormun has 1: compile it again"),
        (44, b"aarch64", f"is compiled for aarch64 Linux, this machine is {HERE}"),
        (60, b"macos", f"is compiled for {HERE.architecture} macOS, this machine is {HERE}"),
        (44, b"\xff\n\x1b[2J", f"is compiled for \\xff\n\x1b[2J Linux, this machine is {HERE}"),
        (76, bytes(32), f"was compiled by another build of Jormun {VERSION}: compile it again"),
    ],
)
def test_what_is_for_others(path: Path, at: int, field: bytes, expected: str) -> None:
    """Another version, format, architecture, system or build is refused by its name."""
    path.write_bytes(_with_header(path.read_bytes(), at, field))
    assert _refusal(path) == expected


def test_a_cpu_that_lacks_something(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code for other CPUs is refused, and says what it needs."""
    needs = Requirements(HERE.architecture, HERE.system, "x86-64-v4", ("sse3", "avx512f"))
    path.write_bytes(_artifact(needs).encode())
    monkeypatch.setattr("jormun.runtime.requirements.cpu_flags", lambda: frozenset({"pni"}))
    assert _refusal(path) == "needs a CPU with AVX512F, which this one has not"
    monkeypatch.setattr("jormun.runtime.requirements.cpu_flags", lambda: frozenset({"pni", "avx512f"}))
    assert read_artifact(path).requirements == needs


def test_nothing_is_read_before_the_digest_is_right(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`marshal` is given nothing that is damaged."""
    monkeypatch.setattr(artifact_module.marshal, "loads", lambda _: pytest.fail("read"))
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    assert "damaged" in _refusal(path)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (0o644, "not run before `chmod +x`"),
        (0o600, "not run before `chmod +x`"),
        (0o775, "others may write to: not run before `chmod go-w`"),
        (0o757, "others may write to"),
        (0o666, "others may write to"),
    ],
)
def test_a_file_that_is_not_marked_as_a_program(path: Path, mode: int, expected: str) -> None:
    """A file as uploads, downloads and archives make it is not run, nor one that others could have put there."""
    path.chmod(mode)
    assert expected in _refusal(path)


@pytest.mark.parametrize("mode", [0o755, 0o700, 0o500, 0o555])
def test_a_file_that_is_marked_as_a_program(path: Path, mode: int) -> None:
    """However it came by its mode."""
    path.chmod(mode)
    assert read_artifact(path).entry.plain == ("some", 1)


@pytest.mark.parametrize("name", ["app.wasm", "app.wat", "APP.WASM"])
def test_a_file_that_is_named_as_a_module(path: Path, name: str) -> None:
    """Who runs app.wasm means WebAssembly."""
    assert "named as a WebAssembly module" in _refusal(path.rename(path.with_name(name)))


def test_a_file_of_another_user(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the user's own files, and root's, are run."""
    owner = path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    if owner:
        assert "belongs to another user" in _refusal(path)
    else:
        assert read_artifact(path).entry.plain == ("some", 1)
        os.chown(path, 4321, -1)
        assert "belongs to another user" in _refusal(path)


def test_what_is_no_file(tmp_path: Path) -> None:
    """A pipe does not make anyone wait, a directory is none, and what is not there is an OSError."""
    os.mkfifo(tmp_path / "pipe", 0o700)
    assert not is_artifact(tmp_path / "pipe") and _refusal(tmp_path / "pipe") == "is not a file"
    assert not is_artifact(tmp_path) and not is_artifact(tmp_path / "none")
    with pytest.raises(OSError, match="No such file"):
        read_artifact(tmp_path / "none")


def test_what_tells_an_artifact(path: Path, tmp_path: Path) -> None:
    """Its first bytes alone, and what it is for is told of damaged ones too."""
    assert is_artifact(path)
    (tmp_path / "other").write_bytes(b"\0asm\1\0\0\0")
    assert not is_artifact(tmp_path / "other")
    assert str(made_for(path.read_bytes()[:200])) == str(HERE)
    assert str(made_for(path.read_bytes()[:20])) == "an unknown machine"


def test_modes_of_what_is_written(tmp_path: Path) -> None:
    """The umask says who may run it; nobody else ever may write to it."""
    for umask, mode in ((0o022, 0o755), (0o077, 0o700), (0, 0o755)):
        before = os.umask(umask)
        try:
            write_artifact(tmp_path / "out", b"data")
        finally:
            os.umask(before)
        assert (tmp_path / "out").stat().st_mode & 0o777 == mode


def test_where_it_is_written(tmp_path: Path) -> None:
    """Through a link into its file; into what is no file, which stays what it is; never into a new directory."""
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_artifact(tmp_path / "link", b"data")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_bytes() == b"data"
    write_artifact("/dev/null", b"data")
    assert Path("/dev/null").is_char_device()
    with pytest.raises(FileNotFoundError):
        write_artifact(tmp_path / "none" / "file", b"data")
    with pytest.raises(IsADirectoryError):
        write_artifact(tmp_path, b"data")


def test_a_failed_write_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was there stays, and nothing is beside it."""
    before = path.read_bytes()

    def fail(fd: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail)
        with pytest.raises(OSError, match="No space"):
            write_artifact(path, b"new")
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("prepare", ["signal.signal(signal.SIGINT, signal.SIG_DFL)", "pass"])
def test_a_signal_while_it_is_written(tmp_path: Path, prepare: str) -> None:
    """Ctrl-C in the middle leaves no half of a file, whatever Ctrl-C does to the process."""
    script = f"""
import os, signal, sys
from jormun.cache.artifact import write_artifact
{prepare}
real = os.write
def write(fd, data):
    os.kill(os.getpid(), signal.SIGINT)
    return real(fd, data[:3])
os.write = write
write_artifact({str(tmp_path / "out")!r}, b"0123456789")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    if prepare != "pass":
        assert done.returncode == -signal.SIGINT and (tmp_path / "out").read_bytes() == b"0123456789"
    else:
        assert "KeyboardInterrupt" in done.stderr
    assert [each.name for each in tmp_path.iterdir()] in (["out"], [])


def test_the_sources_that_code_agrees_with() -> None:
    """Are all there, and their digest is the same each time."""
    folder = Path(artifact_module.__file__).parents[1]
    assert all((folder / name).is_file() for name in artifact_module._AGREED)
    assert artifact_module.agreed() == artifact_module.agreed() != bytes(32)
