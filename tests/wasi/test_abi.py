"""Record layouts against the interface description: sizes and the offset of each field."""

from __future__ import annotations

from struct import Struct

import pytest

from jormun.types import I32, I64, FuncType
from jormun.wasi import abi
from jormun.wasi.functions import FUNCTIONS, functions_of

RECORDS = [
    (abi.FDSTAT, 24, [0, 2, 8, 16]),
    (abi.PRESTAT, 8, [0, 4]),
    (abi.DIRENT, 24, [0, 8, 16, 20]),
    (abi.EVENT, 32, [0, 8, 10, 16, 24]),
    (abi.IOVEC, 8, [0, 4]),
    (abi.PREVIEW1.filestat, 64, [0, 8, 16, 24, 32, 40, 48, 56]),
    (abi.UNSTABLE.filestat, 56, [0, 8, 16, 20, 24, 32, 40, 48]),
]


@pytest.mark.parametrize(("record", "size_bytes", "offsets"), RECORDS)
def test_record_layout(record: Struct, size_bytes: int, offsets: list[int]) -> None:
    """Each field, set alone to its lowest bit, sets the byte at its offset."""
    assert record.size == size_bytes
    for k, offset in enumerate(offsets):
        data = record.pack(*(int(k == other) for other in range(len(offsets))))
        assert [at for at, byte in enumerate(data) if byte] == [offset]


@pytest.mark.parametrize(
    ("module", "size_bytes", "offsets"), [(abi.PREVIEW1, 48, [16, 24, 32, 40]), (abi.UNSTABLE, 56, [24, 32, 40, 48])]
)
def test_clock_subscription_layout(module: abi.Abi, size_bytes: int, offsets: list[int]) -> None:
    """The older module has a field more in front of the clock."""
    assert module.subscription_size_bytes == size_bytes
    for k, offset in enumerate(offsets):
        data = bytes(16) + module.subscription_clock.pack(*(int(k == other) for other in range(4)))
        assert [at for at, byte in enumerate(data) if byte] == [offset]


def test_every_function_of_the_interface_is_there() -> None:
    """46 functions in the newer module; the older has no sock_accept."""
    assert len(FUNCTIONS) == 46
    assert set(functions_of(abi.PREVIEW1)) - set(functions_of(abi.UNSTABLE)) == {"sock_accept"}


def test_types_come_from_annotations() -> None:
    """Pointers and small numbers are i32, 64-bit numbers i64, the result is i32; proc_exit has none."""
    assert FUNCTIONS["fd_seek"].type == FuncType((I32, I64, I32, I32), (I32,))
    assert FUNCTIONS["path_open"].type == FuncType((I32, I32, I32, I32, I32, I64, I64, I32, I32), (I32,))
    assert FUNCTIONS["proc_exit"].type == FuncType((I32,), ())


def test_every_function_is_documented_like_a_man_page() -> None:
    """Every parameter is named in the docstring, so is every error that a reader may meet."""
    for function in FUNCTIONS.values():
        doc = function.call.__doc__
        assert doc is not None
        parameters = list(function.call.__annotations__)[1:-1]
        for parameter in parameters:
            assert parameter in doc, f"{function.name} does not say what {parameter} is"
