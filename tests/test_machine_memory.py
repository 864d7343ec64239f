"""How much memory there is, as the system says."""

from __future__ import annotations

from pathlib import Path

from jormun.machine_memory import _group_bytes, memory_bytes


def bounds(folder: Path, groups: str, files: dict[str, str]) -> list[int]:
    """What control groups bound, with such files of the system's."""
    (folder / "groups").write_text(groups)
    for name, text in files.items():
        path = folder / "mount" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return sorted(set(_group_bytes(str(folder / "groups"), str(folder / "mount"))))[:-1]


def test_it_is_what_a_process_can_have() -> None:
    """More than this process has, and no more than addresses reach."""
    assert 1 << 24 < memory_bytes() < 1 << 57


def test_groups_within_groups(tmp_path: Path) -> None:
    """Each of a process's groups may have a bound, and all hold; "max" is none."""
    files = {"memory.max": "900\n", "a/memory.max": "max\n", "a/b/memory.max": "500\n", "other/memory.max": "1\n"}
    assert bounds(tmp_path, "0::/a/b\n", files) == [500, 900]


def test_the_first_version_of_groups(tmp_path: Path) -> None:
    """There memory has a tree of its own; in a container the group's path may not be there, but the root is it."""
    files = {"memory/memory.limit_in_bytes": "700\n", "memory.max": "1\n"}
    assert bounds(tmp_path, "5:cpu,cpuacct:/x\n4:memory:/docker/0123\n", files) == [700]


def test_no_groups(tmp_path: Path) -> None:
    """Where there are no such files, or they say something else, nothing is bounded."""
    assert bounds(tmp_path, "", {}) == []
    assert bounds(tmp_path, "nonsense\n0::/../..\n", {"memory.max": "much\n"}) == []
