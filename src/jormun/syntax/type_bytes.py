"""Bytes of the binary format that types are made of, but those of value types (core specification, section 5.3)."""

from __future__ import annotations

from jormun.hints import Final

ARRAY: Final = 0x5E
STRUCT: Final = 0x5F
FUNC: Final = 0x60
SUB: Final = 0x50
SUB_FINAL: Final = 0x4F
REC: Final = 0x4E
"""What definitions of types begin with (5.3.9 to 5.3.12)."""

EMPTY_BLOCK: Final = 0x40
"""The block type [] -> []."""
REF: Final = 0x64
"""Precedes the heap type of a reference that is not null."""
REF_NULL: Final = 0x63
"""Precedes the heap type of a reference that may be null."""
