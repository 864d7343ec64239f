"""What can be given as a directory, and what is read back afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from jormun.wasi.abi import FILE_RIGHTS, OFlags
from jormun.wasi.given import KeptFiles, ready
from jormun.wasi.host_directory import HostDirectory
from jormun.wasi.memory_directory import MemoryDirectory
from jormun.wasi.overlay_directory import OverlayDirectory
from jormun.wasi.quota import Quota
from jormun.wasi.scratch_directory import ScratchDirectory

from .fake_guest import make_guest


def test_each_kind(root: Path) -> None:
    """Paths, dicts, and directories, which stay open for further guests."""
    host = HostDirectory(root)
    given = ready(
        {"a": str(root), "b": root, "c": {"file": "x"}, "d": host, "e": OverlayDirectory(root), "f": ScratchDirectory()}
    )
    for _ in range(2):
        guest = make_guest({name: each.reopened() for name, each in given.items()})
        for fd in range(3, 9):
            guest.write(guest.opened("file", fd=fd, oflags=OFlags.CREAT, rights=FILE_RIGHTS), b"x")
        guest.close()
    host.close()


@pytest.mark.parametrize("given", [3, None, b"path", ["file"]])
def test_what_cannot_be_given(given: object) -> None:
    """TypeError, which says what can."""
    with pytest.raises(TypeError, match="a path, a dict of files or a directory"):
        ready({"/": given})  # type: ignore[dict-item]
    with pytest.raises(FileNotFoundError):
        ready({"/": "/there/is/no/such/directory"})


def test_kept_files(root: Path) -> None:
    """Those of dicts and the changed ones of overlays, by the guest's paths; none of the host's."""
    (root / "on_host").write_bytes(b"x")
    given = {
        "/data": MemoryDirectory({"in": b"1", "d": {"e": b"2"}}),
        ".": MemoryDirectory({"here": b"3"}),
        "/": OverlayDirectory(root),
        "/host": HostDirectory(root),
    }
    kept = KeptFiles(given)
    expected = {"/data/in": b"1", "/data/d/e": b"2", "./here": b"3"}
    assert kept == expected
    assert len(kept) == 3
    assert repr(kept) == repr(expected)
    guest = make_guest({"/": given["/"].reopened()})
    guest.opened("new", oflags=OFlags.CREAT)
    assert kept["/new"] == b""


@pytest.mark.parametrize("wrong", [{"size": "much"}, {"size": -1}, {"files": -1}])
def test_quotas_that_are_none(wrong: dict[str, object]) -> None:
    """ValueError."""
    with pytest.raises(ValueError, match=r"is no size|negative"):
        Quota(**wrong)  # type: ignore[arg-type]


def test_scratch_space_goes_with_the_object() -> None:
    """It is there while it is held, and is removed without being told."""
    scratch = ScratchDirectory(quota=Quota("1MiB"))
    path = scratch.path
    (path / "d").mkdir()
    (path / "d" / "file").touch()
    del scratch
    assert not path.exists()
