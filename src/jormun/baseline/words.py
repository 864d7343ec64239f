"""Words of 32 bits, little endian, in code that is written.

Compiled code overwrites them in place; plain Python, for which a byte is as dear as a word, keeps a list and does so
in the end. To be compiled by mypyc.
"""

from __future__ import annotations

import struct

from librt.strings import BytesWriter, write_i32_le

from jormun.hints import i32, i64, u8
from jormun.validation.stack import IS_COMPILED

_WORD = struct.Struct("<i")

if IS_COMPILED:

    def write_word(out: BytesWriter, word: i64) -> None:
        """Append a word, of which the lowest 32 bits count. In plain Python it must be a signed number of 32 bits."""
        write_i32_le(out, i32(word))
else:
    write_word = write_i32_le  # type: ignore[assignment]


class Words:
    """Code, and words in it that are known later."""

    def __init__(self) -> None:
        self.out = BytesWriter()
        self._words: list[tuple[int, int]] = []
        """Offsets and words, where this is not compiled."""

    def overwrite(self, at: i64, word: i64) -> None:
        """Have the word at offset `at` be this one, a signed number of 32 bits, whatever it was."""
        if IS_COMPILED:
            out = self.out
            out[at] = u8(word & 0xFF)
            out[at + 1] = u8((word >> 8) & 0xFF)
            out[at + 2] = u8((word >> 16) & 0xFF)
            out[at + 3] = u8((word >> 24) & 0xFF)
        else:
            self._words.append((at, word))

    def value(self) -> bytes:
        """All of the code."""
        if IS_COMPILED:
            return self.out.getvalue()
        code = bytearray(self.out.getvalue())
        pack_into = _WORD.pack_into
        for at, word in self._words:
            pack_into(code, at, word)
        return bytes(code)
