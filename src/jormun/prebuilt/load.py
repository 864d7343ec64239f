"""Finding artefacts: in the package, else in the cache folder, else by building them."""

from __future__ import annotations

from os.path import dirname, join

from jormun.folder import cache_folder, read_own, write_whole
from jormun.prebuilt.artefact import Artefact
from jormun.sealed import SealError, unseal
from jormun.version import is_source_tree

PACKAGE_FOLDER = dirname(__file__)


def load(artefact: Artefact, folder: str = PACKAGE_FOLDER) -> bytes:
    """The bytes that its builder made of the sources as they are now.

    A file that is damaged, or was made from other sources, is not used. In a source tree, which has none, the first
    use builds it, which imports LLVM, and keeps it in the cache folder. What was installed is as old as its sources:
    FAST, to read and digest them takes 1 ms, a thirtieth of a short run.
    """
    is_as_built = folder == PACKAGE_FOLDER and not is_source_tree()
    try:
        return _contents(_read(join(folder, artefact.file_name)), None if is_as_built else _key(artefact), artefact)
    except (OSError, SealError):
        pass
    kept = join(cache_folder(), "prebuilt", artefact.file_name)
    try:
        return _contents(read_own(kept), _key(artefact), artefact)
    except (OSError, SealError):
        pass
    from jormun.prebuilt.build import build

    data = build(artefact)
    try:
        write_whole(kept, data)
    except OSError:
        pass  # it is built again next time; the cache's own warning says why
    return _contents(data, _key(artefact), artefact)


def _key(artefact: Artefact) -> bytes | None:
    try:
        return artefact.key()
    except OSError:
        return None  # installed without sources: what there is has to do


def _contents(data: bytes, key: bytes | None, artefact: Artefact) -> bytes:
    """What is in a file behind the name of the version that built it."""
    contents = bytes(unseal(data, key, artefact.architecture))
    return contents[contents.index(b"\n") + 1 :]


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.readall()
