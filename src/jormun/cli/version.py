"""`jormun --version`."""

from __future__ import annotations

import argparse

from jormun.version import VERSION, build_kind


class ShowVersion(argparse.Action):
    """Prints the version, and whether modules were compiled when it was installed."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f"jormun {VERSION} ({build_kind()})")
        parser.exit()
