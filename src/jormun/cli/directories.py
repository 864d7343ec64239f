"""The options of `jormun run` that give directories to a program: of the host, overlays, scratch space, in memory."""

from __future__ import annotations

from jormun.dataclass import dataclass
from jormun.hints import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import argparse

    from jormun.wasi.given import Reopenable
    from jormun.wasi.quota import Quota

_HOST, _OVERLAY, _SCRATCH, _MEMORY = "--dir", "--overlay", "--scratch", "--memory-dir"
_READ_ONLY: Final = ":ro"


def add_directories(parser: argparse.ArgumentParser) -> None:
    """Adds the options. Those that give a directory fill one list, whose order is that of the descriptors."""

    def add(option: str, metavar: str, help: str) -> None:
        # The option stays with its value.
        parser.add_argument(
            option,
            dest="directories",
            metavar=metavar,
            action="append",
            default=[],
            type=lambda text: (option, text),
            help=help,
        )

    add(
        _HOST,
        "HOST[::GUEST[:ro]]",
        "let the program use a directory, under its own or another name; ro: for reading only",
    )
    add(
        _OVERLAY,
        "HOST[::GUEST]",
        "let it see a directory; what it changes there is kept in memory and gone at the end",
    )
    add(_SCRATCH, "GUEST", "give it an empty temporary directory on disk, which is removed at the end")
    add(_MEMORY, "GUEST", "give it an empty directory in memory, which is gone at the end")
    parser.add_argument(
        "--quota",
        metavar="SIZE",
        help="how much the program may put into each directory that it can write to, like 64MiB; in memory it is 1GiB "
        "if nothing is said",
    )
    parser.add_argument(
        "--quota-files",
        metavar="N",
        help="how many files it may make in each such directory, directories and links counted",
    )


@dataclass(frozen=True, slots=True)
class GivenDirectories:
    """The directories, by the program's names for them."""

    by_name: dict[str, Reopenable]

    def close(self) -> None:
        """Closes those of the host, and removes what is scratch."""
        for directory in self.by_name.values():
            close = getattr(directory, "close", None)
            if close is not None:
                close()


def makes_scratch(arguments: argparse.Namespace) -> bool:
    """Whether there will be something to remove when the program has ended."""
    return any(option == _SCRATCH for option, _ in arguments.directories)


def open_directories(arguments: argparse.Namespace) -> GivenDirectories:
    """The directories that the options give; to be closed when the program has ended. Raises UsageError."""
    from jormun.cli.report import UsageError

    given = GivenDirectories({})
    if not arguments.directories:
        return given
    quota = _quota(arguments.quota, arguments.quota_files)
    try:
        for option, text in arguments.directories:
            name, host, is_read_only = _names(option, text)
            if name in given.by_name:
                raise UsageError(f"{option} {text}: there is another directory called {name}")
            given.by_name[name] = _opened(option, text, host, quota, is_read_only)
    except BaseException:
        given.close()
        raise
    return given


def _quota(size: str | None, files: str | None) -> Quota | None:
    from jormun.cli.report import UsageError

    if size is None and files is None:
        return None
    from jormun.wasi.quota import Quota

    if files is not None and not (files.isascii() and files.isdecimal()):
        raise UsageError(f"--quota-files {files}: a number of files is written like 1000")
    try:
        return Quota(size, files=None if files is None else int(files))
    except ValueError as error:
        raise UsageError(f"--quota {size}: {error}") from error


def _names(option: str, text: str) -> tuple[str, str, bool]:
    """The guest's name of a directory, the host's, and whether it is for reading only."""
    from jormun.cli.report import UsageError

    if option in (_SCRATCH, _MEMORY):
        if not text or "::" in text:
            raise UsageError(f"{option} {text}: only the program's name for it is given, like {option} /tmp")
        return text, "", False
    host, separator, guest = text.partition("::")
    is_read_only = option == _HOST and guest.endswith(_READ_ONLY)
    name = (guest.removesuffix(_READ_ONLY) if is_read_only else guest) if separator else host
    if not host or not name:
        forms = "HOST, HOST::GUEST or HOST::GUEST:ro" if option == _HOST else "HOST or HOST::GUEST"
        raise UsageError(f"{option} {text}: a directory is written {forms}")
    return name, host, is_read_only


def _opened(option: str, text: str, host: str, quota: Quota | None, is_read_only: bool) -> Reopenable:
    from jormun.cli.report import UsageError, os_message

    try:
        if option == _HOST:
            from jormun.wasi.host_directory import HostDirectory

            return HostDirectory(host, is_read_only=is_read_only, quota=quota)
        if option == _SCRATCH:
            from jormun.wasi.scratch_directory import ScratchDirectory

            return ScratchDirectory(quota=quota)
        from jormun.wasi.memory_directory import MemoryDirectory
        from jormun.wasi.quota import IN_MEMORY

        if option == _MEMORY:
            return MemoryDirectory(quota=IN_MEMORY if quota is None else _within(quota, IN_MEMORY))
        from jormun.wasi.overlay_directory import OverlayDirectory

        return OverlayDirectory(host, quota=IN_MEMORY if quota is None else _within(quota, IN_MEMORY))
    except OSError as error:
        hint = "; for reading only is written HOST::GUEST:ro" if option == _HOST and host.endswith(_READ_ONLY) else ""
        raise UsageError(f"{option} {text}: {os_message(error)}{hint}") from error


def _within(quota: Quota, bound: Quota) -> Quota:
    """A quota, and for what it leaves open that of another."""
    from jormun.wasi.quota import Quota

    return Quota(
        bound.size if quota.size is None else quota.size, files=bound.files if quota.files is None else quota.files
    )
