"""A directory of the host, and a guest that was given it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jormun.wasi.host_directory import HostDirectory

from .fake_guest import Guest, make_guest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The host's side of the directory that `guest` is given; beside it lies a secret."""
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.fixture(params=["openat2", "walk"])
def guest(root: Path, request: pytest.FixtureRequest) -> Iterator[Guest]:
    """A guest that was given one directory, as descriptor 3; paths in it are resolved in both ways that there are."""
    guest = make_guest({"/": HostDirectory(root, by_kernel=request.param == "openat2")})
    yield guest
    guest.close()
