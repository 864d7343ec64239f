"""Building artefacts; needs llvmlite."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from os.path import join

from jormun.folder import write_whole
from jormun.prebuilt.artefact import ARTEFACTS, Artefact
from jormun.prebuilt.load import PACKAGE_FOLDER
from jormun.sealed import SealError, seal, unseal


def build(artefact: Artefact) -> bytes:
    """The file of an artefact, made now."""
    module, _, function = artefact.builder.partition(":")
    contents: bytes = getattr(import_module(module), function)()
    return seal(b"%s\n%s" % (_tool().encode(), contents), artefact.key(), artefact.architecture)


def is_current(artefact: Artefact, data: bytes) -> bool:
    """Whether a file is undamaged and made from these sources by this version of llvmlite."""
    try:
        contents = bytes(unseal(data, artefact.key(), artefact.architecture))
    except SealError:
        return False
    return contents.startswith(_tool().encode() + b"\n")


def build_all(folder: str = PACKAGE_FOLDER) -> list[str]:
    """Build all artefacts into a folder, the package's own by default; the paths of the files."""
    paths = []
    for artefact in ARTEFACTS:
        path = join(folder, artefact.file_name)
        write_whole(path, build(artefact))
        paths.append(path)
    return paths


def _tool() -> str:
    return f"llvmlite {version('llvmlite')}"
