"""An entry of the cache: a module that is known to be valid, as a blueprint, code of its functions, and what tiering
learned.

The contents of a sealed file (sealed.py): the length of what follows, as 8 bytes; the blueprint, the table of
functions, what was learned and the length of the blueprint's own bytes, by `marshal`, whose version 4 every Python from
3.4 on reads; those bytes; padding; the code. Read only behind the seal.
"""

from __future__ import annotations

import marshal

from jormun.cache.plain import Plain
from jormun.dataclass import dataclass
from jormun.runtime.image import ALIGNMENT_BYTES, CodeFunction, CodeImage
from jormun.runtime.tiering.learned import Learned

_MARSHAL_VERSION = 4
_LENGTH_BYTES = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept of one module."""

    plain: Plain
    """Its blueprint (cache/plain.py)."""
    image: CodeImage
    learned: Learned = Learned()
    own: bytes | memoryview = b""
    """The bytes of segments that the blueprint refers to and the module's file has not."""

    def encode(self) -> bytes:
        """The contents of the file."""
        return b"".join(self.pieces())

    def pieces(self) -> list[bytes | memoryview]:
        """The same, in pieces that lie where they are."""
        rows = [(f.kind, f.index, f.offset, f.size_bytes, f.loop) for f in self.image.functions]
        table = marshal.dumps((self.plain, rows, self.learned.data(), len(self.own)), _MARSHAL_VERSION)
        head = len(table).to_bytes(_LENGTH_BYTES, "little") + table
        padding = bytes(-(len(head) + len(self.own)) % ALIGNMENT_BYTES)
        return [head, self.own, padding, self.image.code]

    @staticmethod
    def decode(contents: memoryview, architecture: str) -> Entry:
        """The entry in the contents of a file whose seal holds."""
        end = _LENGTH_BYTES + int.from_bytes(contents[:_LENGTH_BYTES], "little")
        plain, rows, learned, own_bytes = marshal.loads(contents[_LENGTH_BYTES:end])
        own = contents[end : end + own_bytes]
        code = contents[-(-(end + own_bytes) // ALIGNMENT_BYTES) * ALIGNMENT_BYTES :]
        image = CodeImage(code, tuple([CodeFunction(*row) for row in rows]), architecture)
        return Entry(plain, image, Learned.of(learned), own)

    def with_code(self, images: list[CodeImage]) -> Entry:
        """The entry with those of the images that have something new."""
        known = {(f.kind, f.index, f.loop) for f in self.image.functions}
        new = [i for i in images if any((f.kind, f.index, f.loop) not in known for f in i.functions)]
        return Entry(self.plain, CodeImage.joined([self.image, *new]), self.learned, self.own) if new else self

    def with_learned(self, learned: Learned) -> Entry:
        """The entry with what else was learned."""
        more = self.learned.joined(learned)
        return self if more is self.learned else Entry(self.plain, self.image, more, self.own)
