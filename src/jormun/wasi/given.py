"""What may be given to a guest as a directory, and how it becomes one that the guest has open.

The kinds of directories are imported when one is given: most programs start with few of them.
"""

from __future__ import annotations

import os

from jormun.hints import TYPE_CHECKING, Iterator, Mapping, Protocol, TypeAlias, runtime_checkable
from jormun.wasi.filesystem import Directory

if TYPE_CHECKING:
    from jormun.wasi.tree_files import Files


@runtime_checkable
class Reopenable(Protocol):
    """What several runs can be given: HostDirectory, MemoryDirectory, OverlayDirectory, ScratchDirectory."""

    def reopened(self) -> Directory: ...


Given: TypeAlias = "str | os.PathLike[str] | Files | Reopenable"
"""A path of the host's, a dict of paths to contents, or a directory."""


def ready(given: Mapping[str, Given]) -> dict[str, Reopenable]:
    """Each as a directory that can be given to a guest, and looked at afterwards.

    Raises TypeError for what is none of these, OSError for a directory that cannot be opened, and what MemoryDirectory
    raises.
    """
    return {name: _ready(each) for name, each in given.items()}


def _ready(given: Given) -> Reopenable:
    if isinstance(given, (str, os.PathLike)):
        from jormun.wasi.host_directory import HostDirectory

        return HostDirectory(given)
    if isinstance(given, Mapping):
        from jormun.wasi.memory_directory import MemoryDirectory

        return MemoryDirectory(given)
    if not isinstance(given, Reopenable):
        raise TypeError(f"a directory is a path, a dict of files or a directory of jormun, not {type(given).__name__}")
    return given


class KeptFiles(Mapping[str, bytes]):
    """The files that guests left in memory, by the guests' paths: those of dicts, and the changed ones of overlays.

    They are read when they are asked for.
    """

    __slots__ = ("_directories",)

    def __init__(self, directories: Mapping[str, object]) -> None:
        self._directories = directories

    def _all(self) -> dict[str, bytes]:
        from jormun.wasi.memory_directory import MemoryDirectory
        from jormun.wasi.overlay_directory import OverlayDirectory

        return {
            f"{name.rstrip('/')}/{path}": content
            for name, directory in self._directories.items()
            if isinstance(directory, (MemoryDirectory, OverlayDirectory))
            for path, content in directory.files.items()
        }

    def __getitem__(self, path: str) -> bytes:
        return self._all()[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return repr(self._all())
