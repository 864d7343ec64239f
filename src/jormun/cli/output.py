"""Where a verb's result goes: a file, or standard output."""

from __future__ import annotations

import sys

from jormun.cli.report import CommandError

STANDARD_OUTPUT = "-"


def write_output(path: str, data: bytes) -> None:
    """Writes all of the data to a file, or to standard output for `-`. Raises OSError and CommandError."""
    if path != STANDARD_OUTPUT:
        with open(path, "wb") as file:
            file.write(data)
        return
    if sys.stdout is None:
        raise CommandError("standard output is closed")
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def write_line(line: str) -> None:
    """Writes a line to standard output, whatever characters of the host's names are in it."""
    write_output(STANDARD_OUTPUT, f"{line}\n".encode(errors="surrogateescape"))
