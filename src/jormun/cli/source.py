"""Reading the file that a verb is given: a binary module, or text; `-` is standard input."""

from __future__ import annotations

import errno
import io
import os
import sys

from jormun.api.contents import Contents, HeldFile
from jormun.cache.digests import file_stamp, stamp_of
from jormun.cli.report import CommandError, module_error, os_message
from jormun.dataclass import dataclass, replace
from jormun.hints import TYPE_CHECKING, BinaryIO, Final
from jormun.syntax.preamble import ARTIFACT_MAGIC, COMPONENT_VERSION, MAGIC, looks_like_text

if TYPE_CHECKING:
    from jormun.syntax.module import Module

STANDARD_INPUT: Final = "-"
_PROBE_BYTES: Final = 1 << 16
_KNOWN: Final = (
    (b"\x7fELF", "a native program or library (ELF)"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "gzip data; decompress it first"),
    (b"\x28\xb5\x2f\xfd", "zstd data; decompress it first"),
    (b"BC\xc0\xde", "LLVM bitcode; link it for wasm32 first"),
    (b"!<arch>", "an archive of object files; link it first"),
    (b"#!", "a script"),
    (b"\xef\xbb\xbf", "text that begins with a byte order mark, which WebAssembly text must not have"),
    (b"\xff\xfe", "text in UTF-16; WebAssembly text is UTF-8"),
)


@dataclass(frozen=True, slots=True)
class Source:
    """A file's contents, and what to call it in messages."""

    name: str
    contents: Contents
    is_text: bool

    @property
    def data(self) -> bytes:
        """All of it."""
        return self.contents.data


def read_source(path: str, *, may_stay: bool = False) -> Source:
    """A file that is a binary module or looks like text. One that is known by its times and `may_stay` is read when
    somebody wants its data. Raises CommandError.
    """
    if path == STANDARD_INPUT:
        if sys.stdin is None:
            raise CommandError("standard input is closed")
        try:
            return _read("standard input", sys.stdin.buffer)
        except OSError as error:
            raise CommandError(f"standard input: {os_message(error)}") from error
    try:
        with open(path, "rb") as file:
            stamp = file_stamp(file.fileno())
            source = _read(path, file, stamp if may_stay else None)
            contents = source.contents
            if contents.stamp is None:
                contents = Contents(contents.data, stamp_of(contents.data, file.fileno(), stamp))
            return replace(source, contents=contents)
    except OSError as error:
        if error.errno == errno.ENOENT and not path.endswith((".wasm", ".wat")) and os.path.exists(path + ".wasm"):
            raise CommandError(f"{path}: there is no such file; did you mean {path}.wasm?") from error
        if error.errno == errno.EISDIR:
            raise CommandError(f"{path}: is a directory, not a WebAssembly file") from error
        raise CommandError(f"{path}: {os_message(error, is_named=False)}") from error


def read_module(source: Source) -> Module:
    """The module, decoded or parsed, not validated. Raises CommandError."""
    from jormun.api.source import read_module as read
    from jormun.errors import WasmError

    try:
        return read(source.data)
    except WasmError as error:
        raise module_error(source.name, error) from error


def _read(name: str, file: BinaryIO, stamp: bytes | None = None) -> Source:
    """Looks at the start before it reads on, so that a device or a large file of another kind costs nothing. With a
    stamp, a large one of the right kind is left where it is.
    """
    from jormun.limits import MODULE_SIZE_BYTES

    start = _fill(file, _PROBE_BYTES)
    if start.startswith(ARTIFACT_MAGIC):
        from jormun.cache.artifact import made_for

        raise CommandError(
            f"{name}: is not WebAssembly but machine code for {made_for(start)}, which `jormun compile` made"
        )
    if start.startswith(MAGIC):
        if start[4:8] == COMPONENT_VERSION:
            raise CommandError(f"{name}: is a component; Jormun runs core modules")
        is_text = False
    else:
        _require_text(name, start)
        is_text = True
    contents = Contents(start)
    if len(start) == _PROBE_BYTES:
        size_bytes = os.fstat(file.fileno()).st_size  # 0 for what is no file
        if size_bytes <= MODULE_SIZE_BYTES:
            held = None if stamp is None else HeldFile(file.fileno(), stamp)
            contents = Contents(_whole(file, start, MODULE_SIZE_BYTES + 1) if held is None else held)
            size_bytes = contents.size_bytes
        if size_bytes > MODULE_SIZE_BYTES:
            raise CommandError(f"{name}: is larger than {MODULE_SIZE_BYTES} bytes, the most that a module may have")
    return Source(name, contents, is_text)


def _whole(file: BinaryIO, start: bytes, size_bytes: int) -> bytes:
    """Up to so many bytes, the first of which have been read. A file that knows its size is read anew, in one piece,
    which saves copying 20 MB twice.
    """
    if file.seekable():
        here = file.tell()
        left = file.seek(0, os.SEEK_END) - (here - len(start))
        if left > len(start):
            start_at, size_bytes = here - len(start), min(left, size_bytes)
            file.seek(start_at)
            if not hasattr(os, "preadv"):
                return file.read(size_bytes)
            from jormun.runtime.native.pages import read_file

            data = read_file(file.fileno(), start_at, size_bytes)
            file.seek(start_at + len(data))
            return data
        file.seek(here)  # a device, or a file that grows
    return _fill(file, size_bytes, start)


def _fill(file: BinaryIO, size_bytes: int, start: bytes = b"") -> bytes:
    """Up to so many bytes, `start` before them, fewer only at the end: a pipe gives them in pieces."""
    data = io.BytesIO(start)  # hands out what it holds without a copy
    data.seek(len(start))
    size_bytes -= len(start)
    while size_bytes > 0 and (piece := file.read(min(size_bytes, 1 << 20))):
        data.write(piece)
        size_bytes -= len(piece)
    return data.getvalue()


def _require_text(name: str, start: bytes) -> None:
    if not start:
        raise CommandError(f"{name}: is empty")
    for magic, description in _KNOWN:
        if start.startswith(magic):
            raise CommandError(f"{name}: malformed: offset 0x0: not WebAssembly but {description}")
    # White space alone may be the start of a text that goes on; if not, the parser says so.
    if not looks_like_text(start) and start.strip(b" \t\n\r"):
        raise CommandError(
            f"{name}: malformed: offset 0x0: magic header not detected: neither a WebAssembly module nor its text"
        )
