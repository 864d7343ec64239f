"""Golden tests of the text format: what is printed of a module, and what is said of one that is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from jormun.binary.decode import decode
from jormun.binary.encode import encode
from jormun.errors import MalformedError
from jormun.text.module import parse_module
from jormun.text.printer import print_module
from tests.golden import read_golden

FILES = sorted((Path(__file__).parent / "golden").glob("*.wat"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_golden(path: Path, bless: bool) -> None:
    """The output is as the file says; what is printed is the same module, also by way of a binary."""
    golden = read_golden(path)
    match golden.header["run"]:
        case "print":
            module = parse_module(golden.text)
            found = print_module(module)
            assert parse_module(found) == module
            assert print_module(decode(encode(module))) == found
        case "error":
            with pytest.raises(MalformedError) as caught:
                parse_module(golden.text)
            found = str(caught.value)
        case run:
            pytest.fail(f"{path.name}: cannot run {run!r}")
    golden.check(found, bless=bless)
