"""Machine code as a value: what engines make, the code region runs, and the cache keeps."""

from __future__ import annotations

from jormun.dataclass import dataclass
from jormun.hints import Iterable

ALIGNMENT_BYTES = 64
"""What an image and its parts are aligned to at most, and where images lie in files."""
_PLACES_BYTES = {"aarch64": 4096}
"""By architecture, what images may lie at any multiple of, where that is more: aarch64's `adrp` counts in pages."""
FUNCTION = "f"
"""The kind of an optimized function."""
BASELINE = "b"
"""The kind of a function's baseline code."""
LOOP_ENTRY = "o"
"""The kind of an entry at the head of a loop, for a frame of the baseline code (on-stack replacement)."""
PART = "i"
"""The kind of what belongs to a function and is called within the image alone; backtraces show it."""


@dataclass(slots=True)  # FAST: frozen, each of the 1,700 of a start of CPython takes 1 us longer to make
class CodeFunction:
    """Where code is in an image; nobody changes it. `index` is the function's, imports counted first; sizes are in
    bytes.
    """

    kind: str
    index: int
    offset: int
    size_bytes: int
    loop: int = 0
    """Of a LOOP_ENTRY: the offset of the `loop` opcode in the function's body."""


@dataclass(frozen=True, slots=True)
class CodeImage:
    """Position-independent code and its constants, which refer to nothing outside of themselves.

    It runs on `architecture` ("x86_64"), at any multiple of ALIGNMENT_BYTES, or of a page on aarch64, on CPUs with the
    features that it was made for.
    """

    code: bytes | memoryview
    functions: tuple[CodeFunction, ...]
    """By their offsets, ascending."""
    architecture: str

    @staticmethod
    def joined(images: Iterable[CodeImage]) -> CodeImage:
        """One image of several, of one architecture, in their order."""
        all_of = list(images)
        architecture = all_of[0].architecture if all_of else ""
        assert all(image.architecture == architecture for image in all_of)
        code, starts = laid_out([image.code for image in all_of], architecture)
        functions = [
            CodeFunction(f.kind, f.index, start + f.offset, f.size_bytes, f.loop)
            for start, image in zip(starts, all_of, strict=True)
            for f in image.functions
        ]
        return CodeImage(code, tuple(functions), architecture)


def laid_out(codes: Iterable[bytes | memoryview], architecture: str) -> tuple[bytes, list[int]]:
    """Pieces of code one behind the other, each where it may lie, and where they begin."""
    alignment = _PLACES_BYTES.get(architecture, ALIGNMENT_BYTES)
    pieces: list[bytes | memoryview] = []
    starts: list[int] = []
    end = 0
    for code in codes:
        start = -(-end // alignment) * alignment
        pieces += [bytes(start - end), code]
        starts.append(start)
        end = start + len(code)
    return b"".join(pieces), starts
