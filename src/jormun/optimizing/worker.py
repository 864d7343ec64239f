"""A process that compiles functions of one module for its parent: `python -m jormun.optimizing.worker`.

LLVM, as llvmlite offers it, compiles in one thread at a time; processes use all cores. The protocol on standard input
and output: messages of a length (8 bytes, little endian) and that many bytes. First comes, pickled, the `ValidModule`,
the `Target`, or None for this machine, and the `Costs`, or None for code that is not metered; then a pickled sequence
of function indices for each object wanted; each is answered by the object. Both ends are the same installation of
Jormun, and the pipes are private to them: that is what makes pickle safe here.

The end of input ends the worker, whatever it is at: so it is not left behind when its parent is killed.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import IO

from jormun.errors import WasmError
from jormun.interrupts import kept_from_children
from jormun.runtime.layout import Layout
from jormun.validation.module import ValidModule

LENGTH_BYTES = 8


def write_message(stream: IO[bytes], data: bytes) -> None:
    """Write one message and flush."""
    stream.write(len(data).to_bytes(LENGTH_BYTES, "little"))
    stream.write(data)
    stream.flush()


def read_message(stream: IO[bytes]) -> bytes | None:
    """Read one message; None at the end of the stream."""
    head = stream.read(LENGTH_BYTES)
    if not head:
        return None
    length = int.from_bytes(head, "little")
    data = stream.read(length)
    if len(head) < LENGTH_BYTES or len(data) < length:
        raise EOFError("a message was cut off")
    return data


class Worker:
    """The parent's end of a compiling process."""

    def __init__(self, pickled_module: bytes) -> None:
        """Start the process. It is given the pickled module, and the target, with the first functions."""
        with kept_from_children():
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jormun.optimizing.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        self._pickled_module = pickled_module
        self._is_told = False

    def compile(self, functions: Sequence[int]) -> bytes:
        """The object that defines these functions."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            if not self._is_told:
                self._is_told = True
                write_message(self._process.stdin, self._pickled_module)
            write_message(self._process.stdin, pickle.dumps(tuple(functions)))
            answer = read_message(self._process.stdout)
        except (OSError, EOFError) as error:
            raise WasmError(f"a compiling process died: {error}") from error
        if answer is None:
            raise WasmError(f"a compiling process died with status {self._process.wait()}")
        return answer

    def close(self) -> None:
        """End the process; it is not asked twice."""
        self._process.kill()
        self._process.communicate()


def main() -> None:
    """Serve the parent until it closes the pipe."""
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests,), daemon=True).start()
    # The rest is first needed when a module has come.
    from jormun.optimizing.engine import OptimizingEngine

    valid: ValidModule
    valid, target, costs = pickle.loads(requests.get())
    layout = Layout(valid)
    engine = OptimizingEngine(target, costs)
    while True:
        functions = pickle.loads(requests.get())
        write_message(sys.stdout.buffer, engine.object_of_supported(valid, layout, functions))


def _read(requests: queue.SimpleQueue[bytes]) -> None:
    """Hand on what the parent asks for, and end the process when it asks no more, in the middle of LLVM's work too."""
    try:
        while (message := read_message(sys.stdin.buffer)) is not None:
            requests.put(message)
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
