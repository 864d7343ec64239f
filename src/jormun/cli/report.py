"""Error lines on standard error: one clear line, which names the file and the place."""

from __future__ import annotations

import os
import sys

from jormun.hints import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from jormun.errors import WasmError

_RED: Final = "\x1b[1;31m"
_PLAIN: Final = "\x1b[0m"
_LINE_CHARACTERS: Final = 2000
"""The longest line that is written of an error: names in a file, and types, may be millions of characters long."""
_TAIL_CHARACTERS: Final = 400


class CommandError(Exception):
    """A command cannot do what it was asked to. The message is for the user; `status` is the exit status."""

    def __init__(self, message: str, *, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


class UsageError(CommandError):
    """The command line asks for what makes no sense."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status=2)


def report(error: CommandError | OSError) -> None:
    """Writes an error's line to standard error."""
    message = os_message(error) if isinstance(error, OSError) else str(error)
    line = _one_line(message)
    start, end = (_RED, _PLAIN) if is_colourful(sys.stderr) else ("", "")
    _write(f"{start}jormun:{end} {line}")


def report_trap(name: str, trap: WasmError) -> None:
    """Writes a trap, or an exception that no guest caught, with its backtrace, a frame a line."""
    first, *frames = str(trap).split("\n")
    report(CommandError(f"{name}: trap: {first}"))
    for frame in frames:
        _write(_one_line(frame))


def os_message(error: OSError, *, is_named: bool = True) -> str:
    """What the host said, behind the name of the file that it said it of, if it names one."""
    reason = error.strerror or str(error)
    if error.filename is None or not is_named:
        return reason
    name = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else str(error.filename)
    return f"{name}: {reason}"


def module_error(name: str, error: WasmError) -> CommandError:
    """What to say of a module that is malformed, invalid, or cannot be linked."""
    from jormun.errors import InvalidError, LinkError, MalformedError

    if isinstance(error, MalformedError):
        phase = "malformed: "
    elif isinstance(error, InvalidError):
        phase = "invalid: "
    elif isinstance(error, LinkError):
        phase = "cannot be linked: "
    else:
        phase = ""
    return CommandError(f"{name}: {phase}{error}")


def is_colourful(stream: TextIO | None) -> bool:
    """Whether colours may be written: to a terminal that knows them, unless NO_COLOR is set."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person watches, on a terminal where a line can be written over."""
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def _write(line: str) -> None:
    """Writes a line to standard error; where that is closed or full, there is nobody to tell, and the status stays."""
    if sys.stderr is not None:
        try:
            print(line, file=sys.stderr)
        except OSError:
            pass


def _one_line(message: str) -> str:
    """The message with what cannot be shown spelled out, and its middle left out when it is far too long: names from a
    file may hold anything.
    """
    if len(message) > _LINE_CHARACTERS:
        head, tail = message[: _LINE_CHARACTERS - _TAIL_CHARACTERS], message[-_TAIL_CHARACTERS:]
        message = f"{head} ({len(message) - _LINE_CHARACTERS} characters left out) {tail}"
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in message)
