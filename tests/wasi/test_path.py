"""Files by their paths: what a guest may do in a directory that it was given."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jormun.wasi.abi import DIRECTORY_RIGHTS, FILE_RIGHTS, FileType, OFlags, Rights
from jormun.wasi.errno import Errno
from jormun.wasi.functions import FUNCTIONS
from jormun.wasi.host_directory import HostDirectory

from .fake_guest import ROOT, Guest, make_guest


@pytest.fixture
def tree(root: Path) -> Path:
    """dir/file, and links to both."""
    (root / "dir").mkdir()
    (root / "dir" / "file").write_text("content")
    (root / "to_dir").symlink_to("dir")
    (root / "to_file").symlink_to("dir/file")
    (root / "dir" / "up").symlink_to("../dir/file")
    (root / "dangling").symlink_to("nowhere")
    (root / "loop").symlink_to("loop")
    return root


FOUND = ["dir/file", "dir//file", "./dir/./file", "dir/../dir/file", "to_dir/file", "to_dir/../dir/file", "dir/up"]


@pytest.mark.parametrize("path", [*FOUND, "to_file", "to_dir/up"])
def test_paths_that_lead_to_the_file(guest: Guest, tree: Path, path: str) -> None:
    """Through `.`, `..`, repeated slashes and links, as long as all of it is below the directory."""
    assert guest.read(guest.opened(path, follow=True), 100) == b"content"


MISSED = [
    ("", Errno.ENOENT),
    ("nowhere", Errno.ENOENT),
    ("nowhere/file", Errno.ENOENT),
    ("dangling", Errno.ENOENT),
    ("dir/file/", Errno.ENOTDIR),
    ("dir/file/x", Errno.ENOTDIR),
    ("dir/file/..", Errno.ENOTDIR),
    ("to_file/x", Errno.ENOTDIR),
    ("loop", Errno.ELOOP),
    ("loop/x", Errno.ELOOP),
    ("x" * 256, Errno.ENAMETOOLONG),
    ("x/" * 2049, Errno.ENAMETOOLONG),
    ("./" * 50_000, Errno.ENAMETOOLONG),
    (b"\xff\xfe", Errno.EILSEQ),
    (b"dir\0/file", Errno.EINVAL),
    (b"dir/file\0", Errno.EINVAL),
]


@pytest.mark.parametrize(("path", "error"), MISSED)
def test_paths_that_lead_nowhere(tree: Path, path: str | bytes, error: Errno) -> None:
    """The errno that POSIX gives."""
    guest = make_guest({"/": HostDirectory.at(tree)})
    guest.memory.data = bytearray(1 << 18)
    data = path.encode() if isinstance(path, str) else path
    address = 1 << 17
    guest.memory.data[address : address + len(data)] = data
    assert guest.call("path_open", ROOT, 1, address, len(data), 0, 0, 0, 0, 0) is error
    assert guest.call("path_filestat_get", ROOT, 1, address, len(data), 0) is error


def test_links_in_the_last_place(guest: Guest, tree: Path) -> None:
    """Followed only when the guest says so, or a slash does."""
    assert guest.open("to_file") is Errno.ELOOP
    assert guest.open("to_dir", oflags=OFlags.DIRECTORY, rights=0) in (Errno.ELOOP, Errno.ENOTDIR)
    assert isinstance(guest.open("to_dir/", rights=0), int)
    stat = guest.place(64)
    for path, follow, kind in [
        ("to_file", 0, FileType.SYMBOLIC_LINK),
        ("to_file", 1, FileType.REGULAR_FILE),
        ("to_dir/", 0, FileType.DIRECTORY),
    ]:
        guest.ok("path_filestat_get", ROOT, follow, *guest.path(path), stat)
        assert guest.bytes(stat + 16, 1)[0] == kind


def test_create(guest: Guest, tree: Path) -> None:
    """Created, through a dangling link too; exclusively only when nothing is there, a link included."""
    guest.opened("new", oflags=OFlags.CREAT)
    assert (tree / "new").is_file()
    exclusive = OFlags.CREAT | OFlags.EXCL
    assert guest.open("new", oflags=exclusive) is Errno.EEXIST
    assert guest.open("dangling", oflags=exclusive, follow=True) is Errno.EEXIST
    guest.opened("dangling", oflags=OFlags.CREAT, follow=True)
    assert (tree / "nowhere").is_file()
    assert guest.open("slash/", oflags=OFlags.CREAT) is Errno.EISDIR
    assert not (tree / "slash").exists()


def test_truncate(guest: Guest, tree: Path) -> None:
    """With and without the right to write."""
    for rights in (0, Rights.FD_WRITE):
        (tree / "dir" / "file").write_text("content")
        guest.opened("dir/file", oflags=OFlags.TRUNC, rights=rights)
        assert (tree / "dir" / "file").read_text() == ""


def test_directories_are_not_written(guest: Guest, tree: Path) -> None:
    """EISDIR; opening for reading, and a directory where a file was asked to be none, are errors of their own."""
    assert guest.open("dir", rights=Rights.FD_WRITE) is Errno.EISDIR
    assert guest.open("dir", oflags=OFlags.DIRECTORY, rights=Rights.FD_READ | Rights.FD_WRITE) is Errno.EISDIR
    assert guest.open("dir/file", oflags=OFlags.DIRECTORY) is Errno.ENOTDIR
    assert isinstance(guest.open("dir", rights=0), int)


def test_a_directory_that_the_guest_opened_is_a_root_of_its_own(guest: Guest, tree: Path) -> None:
    """Nothing above it is reached, though the guest may reach that otherwise."""
    fd = guest.opened("dir", rights=DIRECTORY_RIGHTS, inheriting=FILE_RIGHTS)
    assert guest.read(guest.opened("file", fd=fd), 10) == b"content"
    assert guest.open("../dir/file", fd=fd) is Errno.EPERM
    assert guest.open("up", fd=fd, follow=True) is Errno.EPERM


def test_a_file_is_no_directory(guest: Guest, tree: Path) -> None:
    """ENOTDIR for a path relative to a file, EBADF for one relative to nothing."""
    fd = guest.opened("dir/file")
    assert guest.open("x", fd=fd) is Errno.ENOTDIR
    assert guest.open("x", fd=99) is Errno.EBADF


def test_fifos_do_not_hang(guest: Guest, tree: Path) -> None:
    """A FIFO without a writer is at its end; one without a reader cannot be opened for writing."""
    os.mkfifo(tree / "fifo")
    fd = guest.opened("fifo", rights=Rights.FD_READ)
    assert guest.read(fd, 10) == b""
    guest.ok("fd_close", fd)
    assert guest.open("fifo", rights=Rights.FD_WRITE) is Errno.ENXIO


def test_directories_come_and_go(guest: Guest, tree: Path) -> None:
    """A slash may stand behind the name."""
    guest.ok("path_create_directory", ROOT, *guest.path("new/"))
    guest.ok("path_create_directory", ROOT, *guest.path("new/sub"))
    assert guest.call("path_create_directory", ROOT, *guest.path("new")) is Errno.EEXIST
    assert guest.call("path_remove_directory", ROOT, *guest.path("new")) is Errno.ENOTEMPTY
    assert guest.call("path_remove_directory", ROOT, *guest.path("dir/file")) is Errno.ENOTDIR
    assert guest.call("path_remove_directory", ROOT, *guest.path("to_dir")) is Errno.ENOTDIR
    assert guest.call("path_unlink_file", ROOT, *guest.path("new")) is Errno.EISDIR
    guest.ok("path_remove_directory", ROOT, *guest.path("new/sub/"))
    guest.ok("path_remove_directory", ROOT, *guest.path("new"))


def test_unlink(guest: Guest, tree: Path) -> None:
    """Of a link, the link goes."""
    guest.ok("path_unlink_file", ROOT, *guest.path("to_file"))
    assert (tree / "dir" / "file").exists()
    assert guest.call("path_unlink_file", ROOT, *guest.path("dir/file/")) is Errno.ENOTDIR
    assert guest.call("path_unlink_file", ROOT, *guest.path("dir/")) is Errno.EISDIR
    assert guest.call("path_unlink_file", ROOT, *guest.path("nowhere/")) is Errno.ENOENT


def test_rename(guest: Guest, tree: Path) -> None:
    """Files and directories; a slash behind the name of a file is refused."""
    guest.ok("path_rename", ROOT, *guest.path("dir/file"), ROOT, *guest.path("moved"))
    guest.ok("path_rename", ROOT, *guest.path("dir/"), ROOT, *guest.path("folder/"))
    assert (tree / "moved").read_text() == "content"
    assert (tree / "folder").is_dir()
    assert guest.call("path_rename", ROOT, *guest.path("moved"), ROOT, *guest.path("x/")) is Errno.ENOTDIR
    assert guest.call("path_rename", ROOT, *guest.path("moved"), ROOT, *guest.path("folder")) is Errno.EISDIR
    assert guest.call("path_rename", ROOT, *guest.path("folder"), ROOT, *guest.path("folder/in")) is Errno.EINVAL


def test_links(guest: Guest, tree: Path) -> None:
    """Hard links of files, never through a symbolic one; the text of symbolic links is read, and cut off."""
    guest.ok("path_link", ROOT, 0, *guest.path("dir/file"), ROOT, *guest.path("hard"))
    assert (tree / "hard").samefile(tree / "dir" / "file")
    assert guest.call("path_link", ROOT, 1, *guest.path("to_file"), ROOT, *guest.path("x")) is Errno.EINVAL
    assert guest.call("path_link", ROOT, 0, *guest.path("dir"), ROOT, *guest.path("x")) is Errno.EPERM
    guest.ok("path_symlink", *guest.path("some/text"), ROOT, *guest.path("soft"))
    buffer, used = guest.place(16), guest.place(4)
    guest.ok("path_readlink", ROOT, *guest.path("soft"), buffer, 16, used)
    assert guest.bytes(buffer, guest.u32(used)) == b"some/text"
    guest.ok("path_readlink", ROOT, *guest.path("soft"), buffer, 4, used)
    assert guest.bytes(buffer, guest.u32(used)) == b"some"
    assert guest.call("path_readlink", ROOT, *guest.path("hard"), buffer, 4, used) is Errno.EINVAL
    assert guest.call("path_symlink", *guest.path(""), ROOT, *guest.path("empty")) is Errno.ENOENT


PATH_CALLS = {
    "path_open": Rights.PATH_OPEN,
    "path_create_directory": Rights.PATH_CREATE_DIRECTORY,
    "path_remove_directory": Rights.PATH_REMOVE_DIRECTORY,
    "path_unlink_file": Rights.PATH_UNLINK_FILE,
    "path_readlink": Rights.PATH_READLINK,
    "path_filestat_get": Rights.PATH_FILESTAT_GET,
    "path_filestat_set_times": Rights.PATH_FILESTAT_SET_TIMES,
}


@pytest.mark.parametrize(("name", "right"), PATH_CALLS.items())
def test_rights(guest: Guest, name: str, right: int) -> None:
    """Each call needs the right that bears its name."""
    fd = guest.opened(".", rights=DIRECTORY_RIGHTS & ~right, inheriting=FILE_RIGHTS)
    count = len(FUNCTIONS[name].type.params)
    assert guest.call(name, fd, *[0] * (count - 1)) is Errno.ENOTCAPABLE


def test_rights_of_what_is_opened(guest: Guest, tree: Path) -> None:
    """No more than the directory passes on; creating and truncating are rights of the directory."""
    fd = guest.opened("dir", rights=Rights.PATH_OPEN, inheriting=Rights.FD_READ)
    assert isinstance(guest.open("file", fd=fd, rights=Rights.FD_READ), int)
    assert guest.open("file", fd=fd, rights=Rights.FD_WRITE) is Errno.ENOTCAPABLE
    assert guest.open("file", fd=fd, rights=0, oflags=OFlags.TRUNC) is Errno.ENOTCAPABLE
    assert guest.open("new", fd=fd, rights=0, oflags=OFlags.CREAT) is Errno.ENOTCAPABLE


def test_read_only(tree: Path) -> None:
    """EROFS for every change, also through a directory that was opened below; reading goes on."""
    guest = make_guest({"/": HostDirectory.at(tree, is_read_only=True), "/rw": HostDirectory.at(tree)})
    everything = {"rights": DIRECTORY_RIGHTS, "inheriting": DIRECTORY_RIGHTS | FILE_RIGHTS}
    below = guest.opened("dir", **everything)
    path, other = guest.path("file"), guest.path("other")
    stat_rights = {"rights": Rights.FD_READ}
    assert isinstance(guest.open("file", fd=below, **stat_rights), int)
    assert guest.open("file", fd=below, rights=Rights.FD_WRITE) is Errno.EROFS
    assert guest.open("file", fd=below, rights=0, oflags=OFlags.TRUNC) is Errno.EROFS
    assert guest.open("new", fd=below, rights=0, oflags=OFlags.CREAT) is Errno.EROFS
    changes: list[tuple[str, tuple[int, ...]]] = [
        ("path_create_directory", (below, *other)),
        ("path_remove_directory", (below, *other)),
        ("path_unlink_file", (below, *path)),
        ("path_rename", (below, *path, below, *other)),
        ("path_rename", (below, *path, 4, *other)),
        ("path_rename", (4, *guest.path("to_dir"), below, *other)),
        ("path_link", (below, 0, *path, 4, *other)),
        ("path_link", (4, 0, *guest.path("to_dir"), below, *other)),
        ("path_symlink", (*path, below, *other)),
        ("path_filestat_set_times", (below, 0, *path, 0, 0, 1)),
        ("fd_filestat_set_times", (below, 0, 0, 1)),
    ]
    for name, arguments in changes:
        assert guest.call(name, *arguments) is Errno.EROFS, name
    fd = guest.opened("file", fd=below, rights=Rights.FD_READ | Rights.FD_FILESTAT_SET_TIMES)
    assert guest.call("fd_filestat_set_times", fd, 0, 0, 1) is Errno.EROFS
