"""Objects of LLVM's as code images: the names of their functions read, and nothing left to link."""

from __future__ import annotations

import re

from jormun.llvm.object import Image, ObjectError, read_object
from jormun.runtime.image import ALIGNMENT_BYTES, FUNCTION, LOOP_ENTRY, PART, CodeFunction, CodeImage

_NAME = re.compile(r"([fto])([0-9]+)(?:_([0-9]+))?")


def code_image(data: bytes) -> CodeImage:
    """The image in an object that defines functions of a module.

    They are named `f7`; `t7` where they make tail calls, and `f7` is then a part; `o7_12` for an entry at a loop.
    Raises ObjectError for code that has to be linked with other code: ours never has.
    """
    image = read_object(data)
    if image.alignment > ALIGNMENT_BYTES:
        raise ObjectError(f"code is to be aligned to {image.alignment} bytes, which images are not")
    return CodeImage(image.fixed(), functions_in(image), image.architecture)


def functions_in(image: Image) -> tuple[CodeFunction, ...]:
    """The functions that belong to functions of the module, by their offsets."""
    found = []
    for name, symbol in image.symbols.items():
        match = _NAME.fullmatch(name)
        if match is not None and symbol.is_function:
            kind = LOOP_ENTRY if match[1] == "o" else FUNCTION
            kind = kind if symbol.is_global else PART
            found.append(CodeFunction(kind, int(match[2]), symbol.offset, symbol.size_bytes, int(match[3] or 0)))
    return tuple(sorted(found, key=lambda function: function.offset))
