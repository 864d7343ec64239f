"""Names as the text format writes them: identifiers where they can be, @name annotations where not (6.3.5, 7.5)."""

from __future__ import annotations

import re
from collections.abc import Mapping

_PLAIN = re.compile(r"[0-9A-Za-z!#$%&'*+\-./:<=>?@\\^_`|~]+")
_BYTES = [
    {0x22: '\\"', 0x5C: "\\\\"}.get(byte, chr(byte)) if 0x20 <= byte < 0x7F else f"\\{byte:02x}" for byte in range(256)
]


def quote_bytes(data: bytes) -> str:
    """A string that stands for some bytes."""
    return f'"{"".join(map(_BYTES.__getitem__, data))}"'


def quote_name(name: str) -> str:
    """A string that stands for a name. What cannot be seen is escaped."""
    if name.isascii():
        return quote_bytes(name.encode())
    characters = (_BYTES[ord(c)] if c < "\x80" else c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in name)
    return f'"{"".join(characters)}"'


def identifier(name: str) -> str:
    """The identifier that says a name, which must not be empty."""
    return f"${name}" if _PLAIN.fullmatch(name) else f"${quote_name(name)}"


class NamedSpace:
    """How the entries of an index space are declared and referred to, given their names.

    The first entry with a name has it as its identifier. An entry with an empty name, or one that another entry has
    already, is known by its number and keeps its name as an annotation. Names from number `count` on are of entries
    that do not exist, and are left out.
    """

    def __init__(self, names: Mapping[int, str], count: int | None = None) -> None:
        self.names = {index: name for index, name in names.items() if count is None or index < count}
        self.declared_count = 0
        """How many names were written."""
        self.identifiers: dict[int, str] = {}
        taken: set[str] = set()
        for index, name in self.names.items():
            if name and name not in taken:
                taken.add(name)
                self.identifiers[index] = identifier(name)

    def refer(self, index: int) -> str:
        """What stands for an entry where it is used."""
        return self.identifiers.get(index) or str(index)

    def declare(self, index: int) -> str:
        """What an entry's declaration says of its name, a space before it; '' if it has none."""
        name = self.names.get(index)
        if name is None:
            return ""
        self.declared_count += 1
        return f" {self.identifiers[index]}" if index in self.identifiers else f" (@name {quote_name(name)})"
