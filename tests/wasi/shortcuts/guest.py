"""A guest that calls what machine code answers, and one that Python answers alone."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from struct import pack, unpack

import pytest

import jormun
from jormun.dataclass import replace
from jormun.runtime.function import Function
from jormun.runtime.instance import Instance
from jormun.runtime.memory import Memory
from jormun.wasi import calls
from jormun.wasi.abi import ALL_RIGHTS, OFlags
from jormun.wasi.errno import Errno
from jormun.wasi.host_directory import HostDirectory
from jormun.wasi.host_file import HostFile
from jormun.wasi.linking import instantiate_with_wasi
from jormun.wasi.memory_directory import MemoryDirectory
from jormun.wasi.memory_stream import MemoryStream
from jormun.wasi.overlay_directory import OverlayDirectory
from jormun.wasi.quota import Quota
from jormun.wasi.random_bytes import RandomBytes
from jormun.wasi.wasi import Wasi, make_wasi

TYPES = {
    "clock_time_get": "i32 i64 i32",
    "fd_read": "i32 i32 i32 i32",
    "fd_write": "i32 i32 i32 i32",
    "fd_pread": "i32 i32 i32 i64 i32",
    "fd_pwrite": "i32 i32 i32 i64 i32",
    "fd_seek": "i32 i64 i32 i32",
    "fd_tell": "i32 i32",
    "fd_fdstat_get": "i32 i32",
    "fd_filestat_get": "i32 i32",
    "fd_prestat_get": "i32 i32",
    "fd_prestat_dir_name": "i32 i32 i32",
    "args_sizes_get": "i32 i32",
    "args_get": "i32 i32",
    "environ_sizes_get": "i32 i32",
    "environ_get": "i32 i32",
    "random_get": "i32 i32",
    "clock_res_get": "i32 i32",
    "sched_yield": "",
    "proc_raise": "i32",
    "poll_oneoff": "i32 i32 i32 i32",
    "fd_close": "i32",
    "fd_filestat_set_size": "i32 i64",
    "fd_filestat_set_times": "i32 i64 i64 i32",
    "fd_readdir": "i32 i32 i32 i64 i32",
    "fd_allocate": "i32 i64 i64",
    "fd_advise": "i32 i64 i64 i32",
    "fd_sync": "i32",
    "fd_datasync": "i32",
    "path_unlink_file": "i32 i32 i32",
    "path_create_directory": "i32 i32 i32",
    "path_remove_directory": "i32 i32 i32",
    "path_rename": "i32 i32 i32 i32 i32 i32",
    "path_link": "i32 i32 i32 i32 i32 i32 i32",
    "path_symlink": "i32 i32 i32 i32 i32",
    "path_readlink": "i32 i32 i32 i32 i32 i32",
    "path_filestat_get": "i32 i32 i32 i32 i32",
    "path_filestat_set_times": "i32 i32 i32 i32 i64 i64 i32",
    "fd_renumber": "i32 i32",
    "fd_fdstat_set_rights": "i32 i64 i64",
    "fd_fdstat_set_flags": "i32 i32",
    "path_open": "i32 i32 i32 i32 i32 i64 i64 i32 i32",
}
IMPORTS = "".join(
    f'(import "wasi_snapshot_preview1" "{name}" (func ${name} (param {types}) (result i32)))'
    for name, types in TYPES.items()
)
EXPORTS = "".join(f'(export "{name}" (func ${name}))' for name in TYPES)
TEXT = f'(module {IMPORTS} {EXPORTS} (memory (export "memory") 1 4))'
KINDS = ["memory", "files", "pipes"]
PAGE = 1 << 16
ROOT = 3


@contextmanager
def without_shortcuts() -> Iterator[None]:
    """Guests that are made in here are answered by Python alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calls, "is_answered", lambda name, wasi: False)
        yield


class Guest:
    """A guest with one directory, and its standard streams in memory, in files or in pipes."""

    def __init__(self, module: jormun.Module, folder: Path, input: bytes = b"", kind: str = "memory") -> None:
        self.folder = folder
        self.reader: threading.Thread | None = None
        self.received = b""
        self.streams: list[MemoryStream] | list[HostFile]
        if kind in ("memory", "counted", "tree", "overlay"):
            self.streams = [MemoryStream(input), MemoryStream()]
        elif kind == "files":
            (folder / "stdin").write_bytes(input)
            self.streams = [
                HostFile(os.open(folder / "stdin", os.O_RDONLY)),
                HostFile(os.open(folder / "stdout", os.O_WRONLY | os.O_CREAT)),
            ]
        else:
            (stdin, source), (target, stdout) = os.pipe(), os.pipe()
            os.write(source, input)
            os.close(source)
            self.streams = [HostFile(stdin), HostFile(stdout)]
            self.reader = threading.Thread(target=self.receive, args=(target,))
            self.reader.start()
        environment = {"KEY": "value", "EMPTY": ""}
        streams = [*self.streams, MemoryStream()]
        self.tree: MemoryDirectory | OverlayDirectory | None = None
        if kind == "tree":
            files = {path.name: path.read_bytes() for path in folder.iterdir()}
            self.tree = MemoryDirectory(files, quota=Quota(60, files=9))
        elif kind == "overlay":
            self.tree = OverlayDirectory(folder, quota=Quota(60, files=9))
        quota = Quota(60, files=9) if kind == "counted" else None
        directory = HostDirectory(folder, quota=quota) if self.tree is None else self.tree.reopened()
        wasi = make_wasi(["guest", "", "two"], environment, streams, {"/": directory})
        self.wasi: Wasi = replace(wasi, random=RandomBytes(Random(7).randbytes))
        self.instance: Instance = instantiate_with_wasi(module.compiled, self.wasi)
        memory = self.instance.exports["memory"]
        assert isinstance(memory, Memory)
        self.memory = memory

    def receive(self, fd: int) -> None:
        """Takes all that comes out of the pipe that the guest writes to."""
        with open(fd, "rb") as file:
            self.received = file.read()

    def close(self) -> bytes:
        """Ends it; what it wrote to a pipe."""
        self.wasi.close()
        if self.reader is not None:
            self.reader.join()
        return self.received

    def call(self, name: str, *arguments: int) -> Errno:
        function = self.instance.exports[name]
        assert isinstance(function, Function)
        widths = [t.bits for t in function.func_type.params]  # type: ignore[union-attr]
        return Errno(function.call_bits([n % (1 << w) for n, w in zip(arguments, widths, strict=True)])[0])

    def open(self, name: str, *, rights: int = ALL_RIGHTS, fdflags: int = 0, oflags: int = OFlags.CREAT) -> int:
        errno = self.try_open(name, rights, fdflags, oflags)
        assert not errno
        return int.from_bytes(self.memory.read(2048, 4), "little")

    def try_open(self, name: str, rights: int, fdflags: int = 0, oflags: int = OFlags.CREAT) -> Errno:
        self.memory.write(1024, name.encode())
        return self.call("path_open", ROOT, 0, 1024, len(name), oflags, rights, 0, fdflags, 2048)

    def unlink(self, name: str) -> Errno:
        self.memory.write(1024, name.encode())
        return self.call("path_unlink_file", ROOT, 1024, len(name))

    def attributes(self, fd: int) -> tuple[Errno, bytes]:
        """What fd_filestat_get tells that is the same in each run: type, links and size."""
        errno = self.call("fd_filestat_get", fd, 3000)
        told = self.memory.read(3016, 24)
        self.memory.write(3000, bytes(64))
        return errno, told

    def path(self, text: str, address: int = 1024) -> tuple[int, int]:
        """The text in the memory: its address and length."""
        data = text.encode()
        self.memory.write(address, data)
        return address, len(data)

    def look(self, path: str, *, follow: bool = False, fd: int = ROOT) -> tuple[Errno, bytes]:
        """What path_filestat_get tells that is the same in each run: type, links, size and time of access."""
        errno = self.call("path_filestat_get", fd, follow, *self.path(path), 3000)
        told = self.memory.read(3016, 32)
        self.memory.write(3000, bytes(64))
        return errno, told

    def times(self, fd: int) -> tuple[int, ...]:
        """The times of access, modification and change that fd_filestat_get tells."""
        assert not self.call("fd_filestat_get", fd, 3000)
        return unpack("<QQQ", self.memory.read(3040, 24))

    def iovecs(self, address: int, *buffers: tuple[int, int]) -> None:
        self.memory.write(address, b"".join(pack("<II", *buffer) for buffer in buffers))

    def write(self, fd: int, data: bytes) -> Errno:
        self.memory.write(64, data)
        self.iovecs(0, (64, len(data)))
        return self.call("fd_write", fd, 0, 1, 16)

    def read(self, fd: int, size: int) -> bytes:
        self.iovecs(0, (64, size))
        assert not self.call("fd_read", fd, 0, 1, 16)
        return self.memory.read(64, int.from_bytes(self.memory.read(16, 4), "little"))

    def state(self) -> object:
        """All that a call may have changed: the memory, what was written, the host's files."""
        output = self.streams[1].output if isinstance(self.streams[1], MemoryStream) else b""
        files = {path.name: path.read_bytes() for path in sorted(self.folder.iterdir()) if path.is_file()}
        changed = None if self.tree is None else dict(self.tree.files)
        return self.memory.view().tobytes(), bytes(output), files, changed


LOOP = f"""(module {IMPORTS} (memory (export "memory") 1) (data (i32.const 0) "\\40\\00\\00\\00\\01\\00\\00\\00")
  (func (export "loop") (param $count i32) (result i32) (local $failed i32)
    (loop $again
      (local.set $failed (i32.or (local.get $failed)
        (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16))))
      (drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 24)))
      (br_if $again (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
    (local.get $failed)))"""


def looping(stream: MemoryStream, tier: str = "auto") -> Callable[[int], object]:
    """A guest's function that writes so many bytes to the stream, and reads the clock as often."""
    module = jormun.Module(LOOP, config=jormun.Config(tier=tier))  # type: ignore[arg-type]
    wasi = make_wasi([], {}, [MemoryStream(), stream], {})
    function = instantiate_with_wasi(module.compiled, wasi).exports["loop"]
    assert isinstance(function, Function)
    return function
