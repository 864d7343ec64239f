"""args_get, args_sizes_get, environ_get, environ_sizes_get."""

from __future__ import annotations

import pytest

from jormun.wasi.errno import Errno

from .fake_guest import SIZE_BYTES, make_guest


def test_arguments() -> None:
    """Sizes first, then as many addresses of strings that end in NUL."""
    guest = make_guest({}, arguments=("app.wasm", "", "grüße"))
    count, size = guest.place(4), guest.place(4)
    guest.ok("args_sizes_get", count, size)
    assert (guest.u32(count), guest.u32(size)) == (3, 9 + 1 + 8)
    array, text = guest.place(12), guest.place(18)
    guest.ok("args_get", array, text)
    assert guest.bytes(text, 18) == "app.wasm\0\0grüße\0".encode()
    assert [guest.u32(array + 4 * k) - text for k in range(3)] == [0, 9, 10]


def test_environment() -> None:
    """As KEY=value, in the order given."""
    guest = make_guest({}, environment={"B": "1", "A": "x=y"})
    count, size = guest.place(4), guest.place(4)
    guest.ok("environ_sizes_get", count, size)
    assert (guest.u32(count), guest.u32(size)) == (2, 4 + 6)
    array, text = guest.place(8), guest.place(10)
    guest.ok("environ_get", array, text)
    assert guest.bytes(text, 10) == b"B=1\0A=x=y\0"


def test_nothing_is_written_that_does_not_fit() -> None:
    """EFAULT for either place, and the other is left as it was."""
    guest = make_guest({}, arguments=("app.wasm",))
    assert guest.call("args_get", SIZE_BYTES - 2, 0) is Errno.EFAULT
    assert guest.call("args_get", 0, SIZE_BYTES - 2) is Errno.EFAULT
    assert guest.bytes(0, 16) == bytes(16)
    assert guest.call("args_sizes_get", 0, -1) is Errno.EFAULT
    assert guest.bytes(0, 4) == bytes(4)


@pytest.mark.parametrize("argument", ["a\0b", "\0"])
def test_no_argument_has_a_nul(argument: str) -> None:
    """The guest could not tell where it ends."""
    with pytest.raises(ValueError, match="NUL"):
        make_guest({}, arguments=(argument,))


@pytest.mark.parametrize("key", ["", "A=B"])
def test_no_key_has_an_equals_sign(key: str) -> None:
    """The guest could not tell where it ends."""
    with pytest.raises(ValueError, match="name of an environment variable"):
        make_guest({}, environment={key: "x"})
