"""Files that are checked before they are believed: machine code that was built ahead or is kept in the cache.

All numbers are little-endian. The header: magic, version of the format, architecture, the key that says what the
contents were made from, the length of the contents, and the digest of the header up to there and of the contents. The
digest finds damage; it is no signature: whoever may write such a file may run code here anyway.
"""

from __future__ import annotations

from struct import Struct

from jormun.digest import DIGEST_BYTES, digest

MAGIC = b"JORMUN\r\n"
VERSION = 1
_HEADER = Struct("<8sI20s32sQ")
HEADER_BYTES = _HEADER.size + DIGEST_BYTES


class SealError(ValueError):
    """A file is not what it should be; the message says what was expected and what was found."""


def seal(contents: bytes, key: bytes, architecture: str) -> bytes:
    """The bytes of the file. `key` is a digest."""
    header = _HEADER.pack(MAGIC, VERSION, architecture.encode("ascii"), key, len(contents))
    return b"".join([header, digest(header, contents), contents])


def unseal(data: bytes, key: bytes | None, architecture: str) -> memoryview:
    """The contents of a file. Without a key, any will do. Raises SealError unless all of it is as it was written."""
    if len(data) < HEADER_BYTES:
        raise SealError(f"expected a header of {HEADER_BYTES} bytes, found {len(data)} bytes")
    magic, version, machine, found_key, size_bytes = _HEADER.unpack_from(data)
    if magic != MAGIC or version != VERSION:
        raise SealError(f"expected version {VERSION} of the format, found {magic!r} {version}")
    if machine.rstrip(b"\0") != architecture.encode("ascii"):
        raise SealError(f"expected code for {architecture}, found {machine!r}")
    if key is not None and found_key != key:
        raise SealError("made from something else")
    contents = memoryview(data)[HEADER_BYTES:]
    if len(contents) != size_bytes:
        raise SealError(f"expected {size_bytes} bytes of contents, found {len(contents)}")
    if data[_HEADER.size : HEADER_BYTES] != digest(data[: _HEADER.size], contents):
        raise SealError("the contents have been altered")
    return contents
