"""Handlers of signals may call the guest again that is in the middle of a call of WASI."""

from __future__ import annotations

from pathlib import Path

import pytest

import jormun
from jormun.wasi.abi import ALL_RIGHTS, OFlags

from ..runtime.at_lines import AtLines, first_times
from .shortcuts.guest import ROOT, TEXT

_AREA = 2048
"""What of the memory each call has for itself, as deep as it is."""


class _Files:
    """Each call makes a file of its own, and all that can be done with it, in a directory that they share."""

    def __init__(self, directory: Path | dict[str, bytes]) -> None:
        self._wasi = jormun.Wasi(dirs={"/": directory}, capture_output=True)
        config = jormun.Config(tier="baseline", cache=False)
        self._instance = jormun.load(TEXT, wasi=self._wasi, config=config)
        self._depth = 0
        self.count = 0

    def __call__(self) -> None:
        self.count += 1
        start, name, data = _AREA * self._depth, f"{self.count:08}".encode(), self.count.to_bytes(8, "little")
        self._depth += 1
        try:
            self._do(start, name, data)
        finally:
            self._depth -= 1

    def _do(self, start: int, name: bytes, data: bytes) -> None:
        call, memory = self._instance.exports, self._instance.exports.memory
        result, other, vector, buffer, told = start, start + 16, start + 32, start + 48, start + 64
        memory.write(start + 8, name)
        path = start + 8, len(name)
        assert call.path_open(ROOT, 0, *path, OFlags.CREAT | OFlags.EXCL, ALL_RIGHTS, 0, 0, result) == 0
        fd = int.from_bytes(memory.read(result, 4), "little")
        memory.write(vector, buffer.to_bytes(4, "little") + (8).to_bytes(4, "little"))
        memory.write(buffer, data)
        assert call.fd_write(fd, vector, 1, result) == 0
        assert call.fd_write(1, vector, 1, result) == 0
        assert call.fd_seek(fd, 0, 0, result) == 0
        memory.write(buffer, bytes(8))
        assert call.fd_read(fd, vector, 1, result) == 0
        assert memory.read(buffer, 8) == data
        assert call.fd_filestat_get(fd, told) == call.fd_fdstat_get(fd, told) == call.fd_close(fd) == 0
        memory.write(other, b"to" + name[2:])
        assert call.path_rename(ROOT, *path, ROOT, other, 8) == 0
        assert call.path_filestat_get(ROOT, 0, other, 8, told) == 0
        assert memory.read(told + 32, 8) == (8).to_bytes(8, "little")
        assert call.path_unlink_file(ROOT, other, 8) == 0
        assert call.path_create_directory(ROOT, *path) == 0
        assert call.fd_readdir(ROOT, told, _AREA - 64, 0, result) == 0
        assert call.path_remove_directory(ROOT, *path) == 0


@pytest.mark.parametrize("where", ["host", "memory"])
def test_handlers_call_the_guest_anywhere(where: str, tmp_path: Path) -> None:
    """Each finds its own files as they should be, whatever the other has open, and all are gone in the end."""
    files = _Files(tmp_path if where == "host" else {})
    files()
    files()
    at_lines = AtLines(files, first_times(), ("runtime", "wasi"))
    for _ in range(2):
        at_lines.run(files)
    assert at_lines.errors == []
    assert files.count > 300
    assert list(tmp_path.iterdir()) == []
