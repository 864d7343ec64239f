"""Finding artefacts: in the package, else in the cache folder, else by building them."""

from __future__ import annotations

from os.path import dirname, join

from jormun.folder import cache_folder, read_own, write_whole
from jormun.prebuilt.artefact import Artefact
from jormun.sealed import SealError, unseal

PACKAGE_FOLDER = dirname(__file__)


def load(artefact: Artefact, folder: str = PACKAGE_FOLDER) -> bytes:
    """The bytes that its builder made of the sources as they are now.

    A file that is damaged, or was made from other sources, is not used. In a source tree, which has none, the first
    use builds it, which imports LLVM, and keeps it in the cache folder.
    """
    try:
        key = artefact.key()
    except OSError:
        key = None  # installed without sources: what came with it is all there is
    kept = join(cache_folder(), "prebuilt", artefact.file_name)
    for path in (join(folder, artefact.file_name), kept):
        try:
            return _contents(read_own(path) if path is kept else _read(path), key, artefact)
        except (OSError, SealError):
            continue
    from jormun.prebuilt.build import build

    data = build(artefact)
    try:
        write_whole(kept, data)
    except OSError:
        pass  # it is built again next time; the cache's own warning says why
    return _contents(data, key, artefact)


def _contents(data: bytes, key: bytes | None, artefact: Artefact) -> bytes:
    """What is in a file behind the name of the version that built it."""
    contents = bytes(unseal(data, key, artefact.architecture))
    return contents[contents.index(b"\n") + 1 :]


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.readall()
