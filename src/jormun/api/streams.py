"""Standard streams as subprocess.run takes them and gives them back."""

from __future__ import annotations

from jormun.hints import TYPE_CHECKING
from jormun.runtime.limits import parse_size
from jormun.wasi.memory_stream import MemoryStream, OutputRoom
from jormun.wasi.streams import PIPE, STDOUT, Input, OpenedStream, Output, open_input, open_output

if TYPE_CHECKING:
    from jormun.wasi.filesystem import File


class Streams:
    """Standard input, output and error of a guest; what is wrong with them is said as subprocess.run says it."""

    __slots__ = ("_error", "_is_text", "_output", "files")

    def __init__(
        self,
        stdin: Input = None,
        stdout: Output = None,
        stderr: Output = None,
        *,
        input: str | bytes | None = None,
        capture_output: bool = False,
        text: bool = False,
        output_limit: int | str | None = None,
    ) -> None:
        """`output_limit` is a size, which bounds what is kept of both outputs; None is what protects this process.

        Raises ValueError where two of these exclude each other, TypeError for what is no stream, OSError for a
        descriptor that is not open.
        """
        if input is not None and stdin is not None:
            raise ValueError("stdin and input cannot both be given")
        if capture_output:
            if stdout is not None or stderr is not None:
                raise ValueError("stdout and stderr cannot be given with capture_output")
            stdout = stderr = PIPE
        opened_in = open_input(stdin) if input is None else OpenedStream(MemoryStream(_bytes(input, text)))
        self._is_text = text
        room = OutputRoom(None if output_limit is None else parse_size(output_limit))
        self._output = open_output(stdout, is_text=text, name="stdout", room=room)
        if stderr != STDOUT:
            self._error = open_output(stderr, is_text=text, name="stderr", room=room)
        elif self._output.file is None:
            self._error = open_output(1, is_text=text, name="stderr", room=room)
        else:
            self._error = OpenedStream(self._output.file)
        self.files: tuple[File | None, File | None, File | None] = opened_in.file, self._output.file, self._error.file
        """As the guest gets them; None for those that it inherits."""

    def finish(self) -> None:
        """Hand on what is left of the output: a line without an end, what a file of Python's holds back."""
        self._output.finish()
        self._error.finish()

    @property
    def captured(self) -> tuple[bytes | None, bytes | None]:
        """Standard output and error so far; None for one that is not captured."""
        return _captured(self._output), _captured(self._error)

    @property
    def output(self) -> str | bytes | None:
        """Standard output so far, in UTF-8 and with ends of lines as Python has them where it is text."""
        return self._given_back(self._output)

    @property
    def error(self) -> str | bytes | None:
        """Standard error so far."""
        return self._given_back(self._error)

    def _given_back(self, stream: OpenedStream) -> str | bytes | None:
        data = _captured(stream)
        if data is None or not self._is_text:
            return data
        return data.decode().replace("\r\n", "\n").replace("\r", "\n")


def _bytes(input: str | bytes, text: bool) -> bytes:
    if text:
        if not isinstance(input, str):
            raise TypeError(f"with text=True, input is str, not {type(input).__name__}")
        return input.encode()
    if isinstance(input, str):
        raise TypeError("input is bytes unless text=True")
    return bytes(input)


def _captured(stream: OpenedStream) -> bytes | None:
    return None if stream.captured is None else bytes(stream.captured.output)
