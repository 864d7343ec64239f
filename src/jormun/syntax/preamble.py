"""What files begin with: binary modules (core specification, section 5.5.16), components, text (6.3), and what
`jormun compile` makes of them.

Here, below both formats, because it says which of them a file is in.
"""

from __future__ import annotations

from jormun.hints import Final

MAGIC: Final = b"\0asm"
VERSION: Final = b"\1\0\0\0"
"""What stands behind the magic number of a module."""
COMPONENT_VERSION: Final = b"\x0d\0\1\0"
"""What stands there in a component."""
ARTIFACT_MAGIC: Final = b"\xcaJORMUN\n"
"""What machine code in a file begins with (cache/artifact.py)."""
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def looks_like_text(data: bytes) -> bool:
    """Whether the first thing in the data, however far in, is a parenthesis or a comment.

    A byte order mark before it is passed over, so that it is the parser that refuses it, with its place.
    """
    if data.startswith(MAGIC):
        return False
    return data.removeprefix(_BYTE_ORDER_MARK).lstrip(b" \t\n\r").startswith((b"(", b";;"))
