"""Imports only point down: the layers of ARCHITECTURE.md, enforced."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "jormun"

LAYERS: dict[str, int] = {
    "errors": 0, "types": 0, "features": 0, "limits": 0, "version": 0, "digest": 0, "sealed": 0, "folder": 0,
    "machine_memory": 0, "interrupts": 0, "hints": 0, "dataclass": 0, "enumeration": 0,
    "functions": 0, "locks": 0, "resting": 0, "containers": 0,
    "opcodes": 1,
    "syntax": 2,
    "binary": 3, "text": 3,
    "validation": 4,
    "llvm": 5, "prebuilt": 5, "runtime": 6,
    "baseline": 7, "optimizing": 7, "cache": 7,
    "wasi": 8,
    "api": 9,
    "cli": 10, "__main__": 10, "hook": 10,
}  # fmt: skip
PEERS = {
    pair
    for a, b in (("text", "binary"), ("baseline", "optimizing"), ("baseline", "cache"), ("optimizing", "cache"))
    for pair in ((a, b), (b, a))
}
"""Neighbours on a layer that may not know each other."""
OUTSIDE = {
    "llvmlite": ("llvm", "optimizing"),
    "ctypes": ("runtime/native",),
    "_ctypes": ("runtime/native",),
    "mmap": ("runtime/native",),
}
"""Which places may import what is dangerous or heavy."""
FILES = sorted(SOURCE.rglob("*.py"))


def imported_modules(tree: ast.AST) -> list[str]:
    """The dotted names that a module imports, type-checking imports included."""
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_point_down(path: Path) -> None:
    """A module imports its own chapter and lower layers only, and heavy libraries only where they are allowed."""
    place = path.relative_to(SOURCE).as_posix()
    chapter = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    for name in imported_modules(ast.parse(path.read_text())):
        root, *rest = name.split(".")
        if root in OUTSIDE:
            assert place.startswith(OUTSIDE[root]), f"{place} imports {name}"
        if root != "jormun" or not rest or chapter == "__init__":
            continue
        other = rest[0]
        if other == chapter or other not in LAYERS:
            continue
        assert LAYERS[other] <= LAYERS[chapter] and (chapter, other) not in PEERS, f"{place} imports {name}"


def test_every_chapter_has_a_layer() -> None:
    """A new folder or module beside the chapters is given its layer."""
    found = {p.stem if p.is_file() else p.name for p in SOURCE.iterdir() if p.suffix == ".py" or p.is_dir()}
    assert found - {"__init__", "__main__", "__pycache__", "py"} <= set(LAYERS)
