"""What memories begin with, in place of active data segments (core specification, section 4.7.2, run-data).

Some compilers write 40,000 segments, of a few hundred bytes each. To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.hints import Final
from jormun.opcodes.table import BY_NAME
from jormun.runtime.blueprint import PASSIVE, Constant, DataBlueprint
from jormun.runtime.constant import reduce
from jormun.syntax.code import END
from jormun.syntax.data import Data
from jormun.syntax.leb128 import read_s32
from jormun.syntax.mode import Active
from jormun.validation.module import ValidModule

_GAP_BYTES: Final = 1024
"""Segments with no more than this between them become one."""
_I32_CONST: Final = BY_NAME["i32.const"][0].code


def datas_and_contents(valid: ValidModule) -> tuple[list[DataBlueprint], list[DataBlueprint]]:
    """The data segments that instantiation has to look at one by one, and what memories begin with in place of the
    others.
    """
    datas: list[Data] = list(valid.module.datas)
    memories: list[int] = []
    offsets: list[Constant] = []
    for data in datas:
        mode = data.mode
        memories.append(mode.index if isinstance(mode, Active) else PASSIVE)
        offsets.append(_offset(mode.offset.code) if isinstance(mode, Active) else 0)
    contents = _contents(datas, memories, offsets, valid)
    left = [
        DataBlueprint(index, memories[index], offsets[index], data.within, data.start, data.size_bytes)
        for index, data in enumerate(datas)
        if contents is None or memories[index] == PASSIVE
    ]
    return left, [] if contents is None else contents


def _offset(code: bytes) -> Constant:
    """What an offset comes to (constant.py). FAST: a tenth of the time for what nearly all of them are."""
    if code[0] != _I32_CONST:
        return reduce(code)
    value, at = read_s32(code, 1)
    return value & 0xFFFF_FFFF if code[at] == END else reduce(code)


def _contents(
    datas: list[Data], memories: list[int], offsets: list[Constant], valid: ValidModule
) -> list[DataBlueprint] | None:
    """What memories begin with in place of the active segments; None if they have to be copied one by one.

    Segments whose places are known, within the minimum of memories that the module defines, cannot trap, and nobody
    sees them before they are dropped: unless a segment of elements traps before, while functions of the instance are
    in somebody else's table already.
    """
    imported = len(valid.memory_types) - len(valid.module.memories)
    if len(valid.table_types) > len(valid.module.tables):
        return None
    sizes_bytes = [t.limits.minimum * t.page_size_bytes for t in valid.memory_types]
    pieces: list[_Piece] = []
    piece: _Piece | None = None
    for index, data in enumerate(datas):
        memory = memories[index]
        if memory == PASSIVE:
            continue
        offset = offsets[index]
        if memory < imported or not isinstance(offset, int) or offset + data.size_bytes > sizes_bytes[memory]:
            return None
        if piece is not None and memory == piece.memory and 0 <= offset - piece.end <= _GAP_BYTES:
            piece.add(offset, data)
        else:
            piece = _Piece(memory, offset, data)
            pieces.append(piece)
    places = sorted([(each.memory, each.offset, each.end) for each in pieces])
    for k in range(1, len(places)):
        if places[k][0] == places[k - 1][0] and places[k][1] < places[k - 1][2]:
            return None  # zeros in a gap would hide what another segment has there
    return [each.blueprint() for each in pieces]


class _Piece:
    """Segments that lie near each other in a memory."""

    def __init__(self, memory: int, offset: int, data: Data) -> None:
        self.memory = memory
        self.offset = offset
        self.end = offset + data.size_bytes
        self._first = data
        self._joined: bytearray | None = None

    def add(self, offset: int, data: Data) -> None:
        """Another one, behind the others."""
        if self._joined is None:
            self._joined = bytearray(self._first.init)
        self._joined += bytes(offset - self.end)
        self._joined += data.init
        self.end = offset + data.size_bytes

    def blueprint(self) -> DataBlueprint:
        """All of them as one. A single one stays where it is in the module's file."""
        if self._joined is None:
            first = self._first
            return DataBlueprint(0, self.memory, self.offset, first.within, first.start, first.size_bytes)
        # FAST: as it is; CPython begins with 7 MB.
        return DataBlueprint(0, self.memory, self.offset, memoryview(self._joined), 0, len(self._joined))
