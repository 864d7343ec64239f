"""The glue as machine code: built ahead of time, and ready to be copied behind its data."""

from __future__ import annotations

import marshal

from jormun.dataclass import dataclass
from jormun.prebuilt.artefact import GLUE
from jormun.prebuilt.load import load


@dataclass(frozen=True, slots=True)
class GlueImage:
    """Code that runs right behind the pages of the glue's data, and the offsets of its functions."""

    code: bytes
    symbols: dict[str, int]


def glue_image() -> GlueImage:
    """The glue for this machine."""
    return GlueImage(*marshal.loads(load(GLUE)))


def build() -> bytes:
    """The glue, assembled. It is for any x86-64."""
    from jormun.llvm.object import Relocation, read_object
    from jormun.llvm.target import Target, assemble
    from jormun.runtime.native import glue, glue_data, pages

    image = read_object(assemble(glue.text(), Target("x86_64-unknown-linux-gnu", "x86-64")))
    data_bytes = pages.round_up(glue_data.BYTES)
    assert image.undefined == ("jormun_data",)
    assert not any(fixup.relocation is Relocation.ABSOLUTE_64 for fixup in image.fixups)
    code = image.place(data_bytes, lambda name: 0)
    symbols = {name: symbol.offset for name, symbol in image.symbols.items() if symbol.is_global}
    return marshal.dumps((bytes(code), symbols), 4)
