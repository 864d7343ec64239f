"""Damaged files: bytes of real ones flipped, inserted, deleted, cut off, and sections taken from others."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from jormun.binary.sections import sections
from jormun.errors import MalformedError
from jormun.syntax.leb128 import write_unsigned

INTERESTING = (0x00, 0x01, 0x0B, 0x40, 0x5E, 0x60, 0x63, 0x70, 0x7F, 0x80, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF)
HUGE = (b"\xff\xff\xff\xff\x0f", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x80\x80\x80\x80\x08", b"\x80\x80\x04")
HEADER_BYTES = 8


def mutate(rng: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """A file, damaged in a few ways. `others` are files to take sections from."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        data = _mutate_once(rng, data, others)
    return data


def _mutate_once(rng: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    match rng.randrange(9):
        case 0:
            return data[:at]
        case 1 | 2:
            return data[:at] + bytes([rng.choice((*INTERESTING, rng.randrange(256)))]) + data[at + 1 :]
        case 3:
            flipped = data[at : at + 1]
            return data[:at] + bytes(byte ^ 1 << rng.randrange(8) for byte in flipped) + data[at + 1 :]
        case 4:
            return data[:at] + rng.randbytes(rng.randrange(1, 9)) + data[at:]
        case 5:
            return data[:at] + data[at + rng.randrange(1, 9) :]
        case 6:
            return data[:at] + rng.choice(HUGE) + data[at + rng.randrange(3) :]
        case 7:
            source = rng.choice(others)
            start = rng.randrange(len(source) + 1)
            return data[:at] + source[start : start + rng.randrange(200)] + data[at:]
        case _:
            return _with_sections(rng, data, rng.choice(others))


def _with_sections(rng: Random, data: bytes, other: bytes) -> bytes:
    """The file with sections left out, doubled, in another order, of another file, or with a byte of one changed and
    its size put right, so that what is in it is looked at.
    """
    own, taken = _cut(data), _cut(other)
    if not own or not taken:
        return data
    k = rng.randrange(len(own))
    match rng.randrange(5):
        case 0:
            del own[k]
        case 1:
            own.insert(rng.randrange(len(own) + 1), own[k])
        case 2:
            rng.shuffle(own)
        case 3:
            own[k] = rng.choice(taken)
        case _:
            id, content = own[k]
            at = rng.randrange(len(content) + 1)
            added = rng.choice((b"", rng.randbytes(1), rng.choice(HUGE)))
            own[k] = id, content[:at] + added + content[at + rng.randrange(2) :]
    result = bytearray(data[:HEADER_BYTES])
    for id, content in own:
        result.append(id)
        write_unsigned(result, len(content))
        result += content
    return bytes(result)


def _cut(data: bytes) -> list[tuple[int, bytes]]:
    """Ids and contents of sections, as far as there are any."""
    found: list[tuple[int, bytes]] = []
    try:
        for section in sections(data):
            found.append((section.id.value, data[section.start : section.end]))
    except MalformedError:
        pass
    return found


def mutate_text(rng: Random, text: bytes) -> bytes:
    """A text, damaged: words doubled, left out or exchanged, and bytes."""
    words = text.split(b" ")
    for _ in range(rng.choice((1, 1, 2, 4))):
        k = rng.randrange(len(words))
        match rng.randrange(6):
            case 0:
                words.insert(rng.randrange(len(words) + 1), words[k])
            case 1 if len(words) > 1:
                del words[k]
            case 2:
                words[k] = rng.choice(words)
            case 3:
                words[k] = rng.choice((b"4294967296", b"-1", b"(", b")", b'"', b"(;", b"$x", b"nan:0x0", b"(@x", b";;"))
            case _:
                at = rng.randrange(len(words[k]) + 1)
                words[k] = words[k][:at] + bytes([rng.choice(b'()"$;@\\0\x00\xff\n9')]) + words[k][at + 1 :]
    return b" ".join(words)
