"""Randomness: random_get."""

from __future__ import annotations

from jormun.hints import Final
from jormun.wasi.abi import SUCCESS
from jormun.wasi.function import U32, Pointer, wasi_function
from jormun.wasi.wasi import Wasi

_PIECE_BYTES: Final = 1 << 20
"""How much is asked of the host at once, so that a guest does not double its memory."""


@wasi_function
def random_get(wasi: Wasi, buf: Pointer, buf_len: U32) -> int:
    """Fills a buffer with random bytes from the host's cryptographic source (os.urandom).

    In a deterministic world they are the same in each run, and nothing that secrets may be made from.

    buf, buf_len: the buffer, its length in bytes

    EFAULT: the buffer does not fit the memory; nothing is written then
    """
    span = wasi.memory.span(buf, buf_len)
    for start in range(0, buf_len, _PIECE_BYTES):
        piece = span[start : start + _PIECE_BYTES]
        piece[:] = wasi.random.take(len(piece))
    return SUCCESS
