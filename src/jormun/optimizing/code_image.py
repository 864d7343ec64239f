"""Objects of LLVM's as code images: the names of their functions read, and nothing left to link."""

from __future__ import annotations

import re

from jormun.llvm.object import Image, ObjectError, read_object
from jormun.runtime.image import ALIGNMENT_BYTES, FUNCTION, LOOP_ENTRY, PART, CodeFunction, CodeImage

_NAME = re.compile(r"([feto])([0-9]+)(?:_([0-9]+))?")


def code_image(data: bytes) -> CodeImage:
    """The image in an object that defines functions of a module.

    They are named `f7`; `e7` where they are called by `f7` within the image, which is then a part; `t7` where they make
    tail calls; `o7_12` for an entry at a loop. Any other `f7` calls the function, and does nothing else.
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
            if not symbol.is_global:
                if f"e{match[2]}" not in image.symbols:
                    continue
                kind = PART
            found.append(CodeFunction(kind, int(match[2]), symbol.offset, symbol.size_bytes, int(match[3] or 0)))
    return tuple(sorted(found, key=lambda function: function.offset))
