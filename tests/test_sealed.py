"""Sealed files: given back as they were, or not at all."""

from __future__ import annotations

import pytest

from jormun.sealed import SealError, seal, sealed, unseal

KEY = bytes(range(32))
PIECES: list[list[bytes | memoryview]] = [[b""], [b"one"], [b"one", memoryview(b"two"), b"", b"three"]]


@pytest.mark.parametrize("pieces", PIECES, ids=len)
def test_contents_come_back(pieces: list[bytes | memoryview]) -> None:
    """However they were cut; with the key, or whatever it is."""
    data = b"".join(sealed(pieces, KEY, "x86_64"))
    for key in (KEY, None):
        assert unseal(data, key, "x86_64") == b"".join(pieces)
    assert len(pieces) > 1 or data == seal(b"".join(pieces), KEY, "x86_64")


@pytest.mark.parametrize("pieces", PIECES, ids=len)
def test_any_change_is_seen(pieces: list[bytes | memoryview]) -> None:
    """Of any bit, and of the length."""
    data = b"".join(sealed(pieces, KEY, "x86_64"))
    changed = [data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :] for at in range(len(data)) for bit in range(8)]
    for each in (*changed, *(data[:end] for end in range(len(data))), data + b"\0"):
        with pytest.raises(SealError):
            unseal(each, None, "x86_64")


def test_others_are_refused() -> None:
    """What was made from something else, or for another machine; the message says so."""
    data = seal(b"contents", KEY, "x86_64")
    with pytest.raises(SealError, match="made from something else"):
        unseal(data, bytes(32), "x86_64")
    with pytest.raises(SealError, match="expected code for aarch64, found b'x86_64"):
        unseal(data, KEY, "aarch64")
