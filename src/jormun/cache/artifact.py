"""Artifacts: modules that were compiled ahead of time, with their machine code, in a file that is run as it is.

An artifact is native code. Its digest finds damage; whoever makes one can make its digest too, and what it does then
no sandbox bounds. So it is run only if the file is marked as a native program is, and written by nobody but its user
(`read_artifact`). What only receives bytes never takes them for an artifact.

The header, little endian: magic; version of the format; length of the contents; version of Jormun, architecture and
system, each padded with zeros; the digest of the sources that such code agrees with; and the digest of the header up to
there and of the contents. These are: the lengths, as 8 bytes each, of a head and of the module; the head, by `marshal`;
the module, as it was given; and an entry as the cache has it (cache/entry.py), which begins at a multiple of
ALIGNMENT_BYTES. Nothing but the header is read before the digest was found right.
"""

from __future__ import annotations

import marshal
import os
import stat
from struct import Struct

from jormun.cache.entry import Entry
from jormun.dataclass import dataclass
from jormun.digest import DIGEST_BYTES, digest
from jormun.errors import ArtifactError
from jormun.features import Features
from jormun.folder import READING, write_whole
from jormun.hints import TYPE_CHECKING, Final
from jormun.runtime.image import ALIGNMENT_BYTES
from jormun.runtime.native import pages
from jormun.runtime.native.support import check_machine
from jormun.runtime.requirements import Requirements
from jormun.syntax.preamble import ARTIFACT_MAGIC
from jormun.version import VERSION

if TYPE_CHECKING:
    from jormun.runtime.metering.costs import Costs

FORMAT: Final = 1
SUFFIX: Final = ".jormun"
"""What artifacts are called where nobody says otherwise."""
NEVER: Final = (".wasm", ".wat")
"""How no artifact's name may end: whoever names such a file means a module."""
_HEADER: Final = Struct("<8sIQ24s16s16s32s")
HEADER_BYTES: Final = _HEADER.size + DIGEST_BYTES
_LENGTHS: Final = Struct("<QQ")
_PROGRAM_MODE: Final = 0o755
_PACKAGE: Final = os.path.dirname(os.path.dirname(__file__))
_AGREED: Final = (
    "cache/artifact.py", "cache/entry.py", "cache/plain.py", "features.py", "llvm/convention.py",
    "runtime/blueprint.py", "runtime/image.py", "runtime/layout.py", "runtime/native/bulk.py",
    "runtime/native/glue.py", "runtime/native/service.py", "runtime/native/x86_64.py",
    "runtime/native/x86_64_activation.py", "runtime/native/x86_64_aside.py", "runtime/native/x86_64_context.py",
    "runtime/native/x86_64_host.py", "types.py",
)  # fmt: skip
"""The sources that say what compiled code and the run time know of each other, from the package's folder on: two builds
of one version may differ in them."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A module, and machine code of its functions."""

    requirements: Requirements
    features: Features
    """The proposals that the module was validated with."""
    data: bytes
    """The module as it was given, binary or text: for segments, names, and functions that were not compiled."""
    entry: Entry
    costs: Costs | None = None
    """By what the code pays for what it runs, if it is metered."""

    def encode(self) -> bytes:
        """The bytes of the file."""
        needs, features, costs = self.requirements, self.features, self.costs
        told = None if costs is None else (costs.default, costs.pairs, costs.unit_bytes)
        head = marshal.dumps(
            (needs.cpu, needs.features, told, features.threads, features.wide_arithmetic, features.custom_page_sizes), 4
        )
        front = _LENGTHS.pack(len(head), len(self.data)) + head + self.data
        contents = b"".join([front, bytes(-len(front) % ALIGNMENT_BYTES), self.entry.encode()])
        header = _HEADER.pack(
            ARTIFACT_MAGIC,
            FORMAT,
            len(contents),
            VERSION.encode(),
            needs.architecture.encode(),
            needs.system.encode(),
            agreed(),
        )
        return b"".join([header, digest(header, contents), contents])

    @staticmethod
    def decode(file: bytes) -> Artifact:
        """The artifact in a file's bytes. Raises ArtifactError unless it is as it was written and this machine runs it.

        Which is all that is found out: run it only if you would run a native program that came in its place.
        """
        _check_header(file)
        contents = memoryview(file)[HEADER_BYTES:]
        if file[_HEADER.size : HEADER_BYTES] != digest(file[: _HEADER.size], contents):
            raise ArtifactError("is damaged: its digest is another one; compile it again")
        made = made_for(file)
        head_bytes, data_bytes = _LENGTHS.unpack_from(contents)
        end = _LENGTHS.size + head_bytes
        cpu, needed, told, *features = marshal.loads(contents[_LENGTHS.size : end])
        requirements = Requirements(made.architecture, made.system, cpu, needed)
        unmet = requirements.unmet()
        if unmet is not None:
            raise ArtifactError(unmet)
        data = bytes(contents[end : end + data_bytes])
        start = -(-(end + data_bytes) // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
        entry = Entry.decode(contents[start:], made.architecture)
        return Artifact(requirements, Features(*features), data, entry, None if told is None else _costs(*told))


def _costs(default: int, pairs: tuple[tuple[str, int], ...], unit_bytes: int) -> Costs:
    from jormun.runtime.metering.costs import Costs  # few artifacts are metered

    return Costs(default, pairs, unit_bytes)


def _check_header(file: bytes) -> None:
    """Raises ArtifactError for a file of another format, version or machine, or of another length than it says."""
    if not file.startswith(ARTIFACT_MAGIC):
        raise ArtifactError("is not machine code that `jormun compile` made")
    if len(file) < HEADER_BYTES:
        raise ArtifactError(f"is cut off: a header has {HEADER_BYTES} bytes, and it has {len(file)}; compile it again")
    _, file_format, size_bytes, version, _, _, sources = _HEADER.unpack_from(file)
    found = _text(version)
    if found != VERSION:
        raise ArtifactError(f"was compiled by Jormun {found}, this is {VERSION}: compile it again")
    if file_format != FORMAT:
        raise ArtifactError(f"is of format {file_format}, this Jormun has {FORMAT}: compile it again")
    unmet = made_for(file).unmet()
    if unmet is not None:
        raise ArtifactError(unmet)
    if sources != agreed():
        raise ArtifactError(f"was compiled by another build of Jormun {VERSION}: compile it again")
    if len(file) - HEADER_BYTES != size_bytes:
        raise ArtifactError(
            f"is damaged: it says that it has {HEADER_BYTES + size_bytes} bytes, and has {len(file)}; compile it again"
        )


def made_for(start: bytes) -> Requirements:
    """The machine that an artifact says that it is for, without the features; `start` is its first bytes at least."""
    if len(start) < _HEADER.size:
        return Requirements("an unknown", "machine")
    _, _, _, _, architecture, system, _ = _HEADER.unpack_from(start)
    return Requirements(_text(architecture), _text(system))


def agreed() -> bytes:
    """The digest of the sources that compiled code has to agree with; of nothing where they are not installed."""
    parts = []
    for source in _AGREED:
        try:
            with open(os.path.join(_PACKAGE, source), "rb", buffering=0) as file:
                parts.append(file.readall())
        except OSError:
            return bytes(DIGEST_BYTES)
    return digest(*parts)


def read_artifact(path: str | os.PathLike[str]) -> Artifact:
    """The artifact in a file. Raises OSError, and ArtifactError for one that this machine does not run, that is
    damaged, or that is not trusted: see `_check_trusted`.
    """
    check_machine()
    fd = os.open(path, READING)
    with open(fd, "rb", buffering=0):
        # Of the open file, not of its name, which may stand for another one by now; and it is read, not mapped, so
        # that what was checked is what is run.
        _check_trusted(os.fspath(path), os.fstat(fd))
        return Artifact.decode(pages.read_file(fd, 0, os.fstat(fd).st_size))


def _check_trusted(path: str, status: os.stat_result) -> None:
    """Raises ArtifactError unless a file is marked as a native program is: it may be executed, by its mode; it is the
    user's own or root's; nobody else may write to it; and it is not called a module. A file that was uploaded,
    downloaded or unpacked from a ZIP archive is not, until somebody says so.
    """
    if not stat.S_ISREG(status.st_mode):
        raise ArtifactError("is not a file")
    if path.lower().endswith(NEVER):
        raise ArtifactError("is machine code, and named as a WebAssembly module is: give it another name to run it")
    if status.st_uid not in (os.geteuid(), 0):
        raise ArtifactError("is machine code that belongs to another user, and runs outside of the sandbox: not run")
    if status.st_mode & 0o022:
        raise ArtifactError("is machine code that others may write to: not run before `chmod go-w`")
    if not status.st_mode & 0o111:
        raise ArtifactError(
            "is machine code, which runs outside of the sandbox: not run before `chmod +x` says that it is trusted as"
            " a native program is"
        )


def write_artifact(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file that can be run, whole or not at all. What is no file, like /dev/null, is written to. Raises
    OSError.
    """
    target = os.path.realpath(path)  # a link stays one, as compilers do it
    if os.path.lexists(target) and not os.path.isfile(target):
        with open(target, "wb", buffering=0) as file:
            file.write(data)
        return
    os.stat(os.path.dirname(target))  # which `write_whole` would make
    write_whole(target, data, mode=_PROGRAM_MODE)


def _text(field: bytes) -> str:
    return field.rstrip(b"\0").decode("ascii", "backslashreplace")
