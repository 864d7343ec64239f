"""The first look at a command line agrees with argparse wherever it says anything."""

from __future__ import annotations

import argparse

import pytest

from jormun.cli.main import make_parser
from jormun.cli.plain import PlainParser, read_plainly
from jormun.cli.run import add_parser

PLAIN = [
    ["app.wasm"],
    ["app.wasm", "--flag", "x", "-y"],
    ["-"],
    ["--dir", ".", "--dir=/a::/b:ro", "--env", "K=V", "--env=", "app.wasm", "1"],
    ["--invoke", "add", "calc.wasm", "-1", "2"],
    ["--tier=optimizing", "--no-cache", "--preload", "a=b", "app.wasm"],
    ["--overlay", "a", "--dir", "b", "--scratch=/tmp", "--quota", "1MiB", "--stdin", "x", "app.wasm"],
]
NOT_PLAIN = [
    [], ["--help"], ["-h"], ["--dir"], ["--dir", "."], ["--dir", "--env", "x"], ["--tier", "none", "app.wasm"],
    ["--no-cache=1", "app.wasm"], ["--unknown", "app.wasm"], ["--", "app.wasm"],
    ["app.wasm", "--", "x"], ["--no-cach", "app.wasm"],
]  # fmt: skip


@pytest.mark.parametrize("words", PLAIN, ids=" ".join)
def test_it_reads_what_argparse_reads(words: list[str]) -> None:
    """All that a verb asks the namespace for is the same."""
    plain = read_plainly(add_parser, words)
    assert plain is not None
    assert vars(plain) == vars(make_parser().parse_args(["run", *words]))


@pytest.mark.parametrize("words", NOT_PLAIN, ids=" ".join)
def test_all_else_is_left_to_argparse(words: list[str]) -> None:
    """Whatever is wrong, or not simple."""
    assert read_plainly(add_parser, words) is None


def test_unknown_kinds_of_options_are_left_to_argparse() -> None:
    """An option that is declared in a way that it does not know makes a verb not plain."""
    parser = PlainParser()
    parser.add_argument("--level", action="count")
    parser.add_argument("file")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    assert parser.read(["app.wasm"]) is None
