"""Binary modules of the standard's test scripts, found without a parser of the text format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TOKEN = re.compile(r'\(;.*?;\)|;;[^\n]*|"(?:[^"\\]|\\.)*"|[()]|[^\s()";]+', re.DOTALL)
_ESCAPE = re.compile(rb"\\(?:u\{([0-9a-fA-F]+)\}|([0-9a-fA-F]{2})|(.))", re.DOTALL)
_PLAIN = {b"t": b"\t", b"n": b"\n", b"r": b"\r"}


@dataclass(frozen=True)
class Claim:
    """A binary module, and what the script says of it: None, or the command around it and its message."""

    data: bytes
    command: str | None
    message: str


def claims(script: Path) -> Iterator[Claim]:
    """The binary modules of a script, in order."""
    tokens = [t for t in _TOKEN.findall(script.read_text(encoding="utf-8")) if not t.startswith((";;", "(;"))]
    at = 0
    while at < len(tokens):
        if tokens[at] != "binary" or "module" not in tokens[max(0, at - 3) : at]:
            at += 1
            continue
        opening = max(i for i in range(max(0, at - 3), at) if tokens[i] == "module") - 1
        at += 1
        data = bytearray()
        while tokens[at].startswith('"'):
            data += _string(tokens[at])
            at += 1
        before = tokens[opening - 1] if opening else ""
        is_claim = before.startswith("assert_")
        yield Claim(bytes(data), before if is_claim else None, _string(tokens[at + 1]).decode() if is_claim else "")


def _string(token: str) -> bytes:
    def unescape(match: re.Match[bytes]) -> bytes:
        if match[1]:
            return chr(int(match[1], 16)).encode()
        return bytes.fromhex(match[2].decode()) if match[2] else _PLAIN.get(match[3], match[3])

    return _ESCAPE.sub(unescape, token[1:-1].encode())
