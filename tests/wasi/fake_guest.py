"""A guest without WebAssembly: memory in a bytearray, and the functions of WASI called by name."""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct, pack

from jormun.wasi.abi import PREVIEW1, Abi, Rights
from jormun.wasi.calls import call_of
from jormun.wasi.errno import Errno, errno_of
from jormun.wasi.filesystem import Directory
from jormun.wasi.functions import functions_of
from jormun.wasi.memory_stream import MemoryStream
from jormun.wasi.wasi import Wasi, make_wasi

SIZE_BYTES = 1 << 16
ROOT = 3
"""The descriptor of the directory that guests here are given."""
FILE_RIGHTS = Rights.FD_READ | Rights.FD_WRITE | Rights.FD_SEEK | Rights.FD_TELL


class FakeMemory:
    """What GuestMemory needs of runtime/memory.py."""

    def __init__(self, size_bytes: int = SIZE_BYTES) -> None:
        self.data = bytearray(size_bytes)

    record = 0
    """Machine code has none of it."""

    def view(self) -> memoryview:
        return memoryview(self.data)


class Guest:
    """Calls functions of WASI as a guest would: numbers and addresses in, an error number out."""

    def __init__(self, wasi: Wasi, stdin: MemoryStream, stdout: MemoryStream, abi: Abi = PREVIEW1) -> None:
        self.wasi = wasi.speaking(abi)
        self.stdin = stdin
        self.stdout = stdout
        self.memory = FakeMemory()
        wasi.memory.attach(self.memory)
        self._functions = functions_of(abi)
        self._next = 1024

    def call(self, name: str, *arguments: int) -> Errno:
        function = self._functions[name]
        unsigned = [n % (1 << t.bits) for n, t in zip(arguments, function.type.params, strict=True)]  # type: ignore[union-attr]
        try:
            return Errno(call_of(function, self.wasi)(self.wasi, *unsigned))
        except Exception as error:
            return Errno(errno_of(error))

    def ok(self, name: str, *arguments: int) -> None:
        assert self.call(name, *arguments) is Errno.SUCCESS

    def place(self, size_bytes: int) -> int:
        """An address with room behind it, zeroed."""
        address = self._next
        self._next += (size_bytes + 15) // 16 * 16
        assert self._next <= SIZE_BYTES
        self.memory.data[address : address + size_bytes] = bytes(size_bytes)
        return address

    def put(self, data: bytes) -> int:
        address = self.place(len(data))
        self.memory.data[address : address + len(data)] = data
        return address

    def path(self, path: str | bytes) -> tuple[int, int]:
        """A path in memory: address and length."""
        data = path.encode() if isinstance(path, str) else path
        return self.put(data), len(data)

    def bytes(self, address: int, size_bytes: int) -> bytes:
        return bytes(self.memory.data[address : address + size_bytes])

    def u32(self, address: int) -> int:
        return int.from_bytes(self.bytes(address, 4), "little")

    def u64(self, address: int) -> int:
        return int.from_bytes(self.bytes(address, 8), "little")

    def record(self, layout: Struct, address: int) -> tuple[int, ...]:
        return layout.unpack_from(self.memory.data, address)

    def iovecs(self, *buffers: tuple[int, int]) -> tuple[int, int]:
        return self.put(b"".join(pack("<II", *buffer) for buffer in buffers)), len(buffers)

    def open(
        self,
        path: str | bytes,
        *,
        fd: int = ROOT,
        follow: bool = False,
        oflags: int = 0,
        rights: int = FILE_RIGHTS,
        inheriting: int = 0,
        fdflags: int = 0,
    ) -> int | Errno:
        """The descriptor of path_open, or why there is none."""
        result = self.place(4)
        error = self.call("path_open", fd, int(follow), *self.path(path), oflags, rights, inheriting, fdflags, result)
        return error if error else self.u32(result)

    def opened(self, path: str | bytes, **options: int) -> int:
        """As `open`, where it must succeed."""
        fd = self.open(path, **options)  # type: ignore[arg-type]
        assert not isinstance(fd, Errno), fd
        return fd

    def write(self, fd: int, data: bytes) -> int:
        result = self.place(4)
        self.ok("fd_write", fd, *self.iovecs((self.put(data), len(data))), result)
        return self.u32(result)

    def read(self, fd: int, size_bytes: int) -> bytes:
        buffer, result = self.place(size_bytes), self.place(4)
        self.ok("fd_read", fd, *self.iovecs((buffer, size_bytes)), result)
        return self.bytes(buffer, self.u32(result))

    def close(self) -> None:
        self.wasi.close()


def make_guest(
    directories: Mapping[str, Directory],
    arguments: tuple[str, ...] = ("app.wasm",),
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    abi: Abi = PREVIEW1,
    *,
    deterministic: bool = False,
) -> Guest:
    """A guest with its standard streams in memory."""
    source, output = MemoryStream(stdin), MemoryStream()
    wasi = make_wasi(
        arguments, environment or {}, [source, output, MemoryStream()], directories, deterministic=deterministic
    )
    return Guest(wasi, source, output, abi)
