"""The world that a library of WASI is given: most that were written in C, C++, Rust or Go import WASI, if only to print
and to say what time it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jormun.api.run import handed_over
from jormun.api.streams import Streams
from jormun.dataclass import replace
from jormun.hints import TYPE_CHECKING, NoReturn, TracebackType
from jormun.runtime.uncopied import uncopied
from jormun.wasi.given import KeptFiles, ready
from jormun.wasi.library import LibraryCalls
from jormun.wasi.linking import instantiate_with_wasi
from jormun.wasi.run import Directories, initialize, open_wasi
from jormun.wasi.streams import Input, Output

if TYPE_CHECKING:
    import socket

    from jormun.runtime.instance import Instance
    from jormun.runtime.linking import Imports
    from jormun.runtime.module import CompiledModule
    from jormun.runtime.store import Store


class Wasi:
    r"""A world for instances that import WASI: what `Instance(module, wasi=...)`, `load` and `Module.instantiate` take.

    The arguments are those of `jormun.run`, and mean the same; nothing else of the host is reached. Several instances
    may have the same world, and share what is open in it. When it is closed, or nothing uses it any more, the guest's
    files are.

    `_initialize`, which libraries are made ready by, is called when an instance is made. A guest that ends itself
    raises `jormun.Exit`. Calls that wait, for input or for a time, are ended by `Limits.timeout` and
    `Instance.interrupt` as those that compute are; where they are awaited (`Func.call_async`), the event loop runs on.
    Libraries have no threads: `thread-spawn` fails. What is captured of the
    output is in `stdout` and `stderr` at any time.

    Raises what `run` raises for arguments that are none, and OSError for a directory that cannot be opened.

    >>> import jormun
    >>> greeter = '''(module
    ...   (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    ...   (memory (export "memory") 1) (data (i32.const 0) "\\08\\00\\00\\00\\06\\00\\00\\00hello\\n")
    ...   (func (export "greet") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))'''
    >>> with jormun.Wasi(capture_output=True, text=True) as world:
    ...     jormun.load(greeter, wasi=world).exports.greet()
    ...     world.stdout
    'hello\n'
    """

    __slots__ = ("__weakref__", "_directories", "_streams", "_world")

    def __init__(
        self,
        args: Sequence[str] = (),
        *,
        stdin: Input = None,
        input: str | bytes | None = None,
        stdout: Output = None,
        stderr: Output = None,
        capture_output: bool = False,
        text: bool = False,
        dirs: Directories | None = None,
        env: Mapping[str, str] | None = None,
        sockets: Sequence[socket.socket] = (),
        deterministic: bool = False,
        output_limit: int | str | None = None,
    ) -> None:
        self._streams = Streams(
            stdin, stdout, stderr, input=input, capture_output=capture_output, text=text, output_limit=output_limit
        )
        self._directories = ready(dirs or {})
        world = open_wasi(
            args,
            env,
            self._directories,
            self._streams.files,
            handed_over(sockets),
            deterministic=deterministic,
        )
        self._world = replace(world, threads=LibraryCalls(world.table))

    @property
    def stdout(self) -> str | bytes | None:
        """What guests have written to standard output; None unless it is captured."""
        return self._streams.output

    @property
    def stderr(self) -> str | bytes | None:
        """What guests have written to standard error; None unless it is captured."""
        return self._streams.error

    @property
    def files(self) -> Mapping[str, bytes]:
        """What guests have in directories that were given as dicts, or changed in overlays, by their own paths."""
        return KeptFiles(self._directories)

    def instantiate(self, compiled: CompiledModule, imports: Imports, store: Store) -> Instance:
        """An instance of the run time's in this world, ready for calls. For `jormun.Instance`."""
        instance = instantiate_with_wasi(compiled, self._world, imports=imports, store=store)
        initialize(instance)
        return instance

    def close(self) -> None:
        """Close what guests have open, and hand on what is left of their output. They can be called yet, and find no
        files.
        """
        self._world.close()
        self._streams.finish()

    def __enter__(self) -> Wasi:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise uncopied("a world of WASI", "it has files of this process open")
