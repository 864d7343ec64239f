"""Escapes from other runtimes' file systems that were published, each tried here. Facts only: the sources are cited."""

from __future__ import annotations

from pathlib import Path

import pytest

from jormun.wasi.abi import ALL_RIGHTS, DIRECTORY_RIGHTS, FILE_RIGHTS, OFlags, Rights
from jormun.wasi.errno import Errno
from jormun.wasi.host_directory import HostDirectory

from ..fake_guest import ROOT, Guest, make_guest

READ_WRITE = Rights.FD_READ | Rights.FD_WRITE


def link(guest: Guest, target: str, path: str) -> Errno:
    """Makes a symbolic link."""
    return guest.call("path_symlink", *guest.path(target), ROOT, *guest.path(path))


def test_creating_through_a_link_that_leads_out(guest: Guest) -> None:
    """CREAT and FD_WRITE have no link to an outside file followed (Wasmer, CVE-2024-38358, GHSA-55f3-3qvg-8pv5)."""
    assert link(guest, "../../secret.txt", "dir/out") is Errno.SUCCESS
    for oflags in (OFlags.CREAT, OFlags.CREAT | OFlags.TRUNC, OFlags.TRUNC, 0):
        assert guest.open("dir/out", follow=True, oflags=oflags, rights=READ_WRITE) is Errno.EPERM


def test_opening_a_link_that_the_guest_made(guest: Guest) -> None:
    """A link out that the guest made is an errno when it is opened, and no crash (Wasmer, GHSA-55f3-3qvg-8pv5)."""
    assert link(guest, "../nowhere", "mine") is Errno.SUCCESS
    assert guest.open("mine", follow=True) is Errno.EPERM
    assert guest.open("mine", follow=False) is Errno.ELOOP


def test_creating_what_a_link_out_names(guest: Guest, outside: Path) -> None:
    """A dangling link out makes no file where it leads (wasm-micro-runtime, CVE-2025-43853)."""
    assert link(guest, "../created", "dangling") is Errno.SUCCESS
    assert guest.open("dangling", follow=True, oflags=OFlags.CREAT, rights=READ_WRITE) is Errno.EPERM
    assert guest.open("dangling", oflags=OFlags.CREAT | OFlags.EXCL, rights=READ_WRITE) is Errno.EEXIST
    assert not (outside / "created").exists()


def test_a_long_way_up_to_the_host(guest: Guest) -> None:
    """A link of many `..` to a file of the host's is not followed (wazero, issue 2321)."""
    assert link(guest, "../../../../../../../../../../etc/passwd", "a") is Errno.SUCCESS
    assert guest.open("a", follow=True) is Errno.EPERM


SLASHED = [
    ("path_open", lambda g, p: g.open(p + "/secret.txt", follow=True)),
    ("path_open", lambda g, p: g.open(p, follow=True, oflags=OFlags.DIRECTORY)),
    ("path_open", lambda g, p: g.open(p + "/made", oflags=OFlags.CREAT, rights=READ_WRITE)),
    ("path_create_directory", lambda g, p: g.call("path_create_directory", ROOT, *g.path(p + "/made"))),
    ("path_remove_directory", lambda g, p: g.call("path_remove_directory", ROOT, *g.path(p + "/private"))),
    ("path_unlink_file", lambda g, p: g.call("path_unlink_file", ROOT, *g.path(p + "/secret.txt"))),
    ("path_filestat_get", lambda g, p: g.call("path_filestat_get", ROOT, 1, *g.path(p), g.place(64))),
    ("path_rename", lambda g, p: g.call("path_rename", ROOT, *g.path(p + "/secret.txt"), ROOT, *g.path("got"))),
    ("path_rename", lambda g, p: g.call("path_rename", ROOT, *g.path("dir/file"), ROOT, *g.path(p + "/made"))),
    ("path_link", lambda g, p: g.call("path_link", ROOT, 0, *g.path(p + "/secret.txt"), ROOT, *g.path("got"))),
    ("path_symlink", lambda g, p: g.call("path_symlink", *g.path("x"), ROOT, *g.path(p + "/made"))),
]


@pytest.mark.parametrize(("name", "attempt"), SLASHED)
def test_a_link_whose_text_ends_in_a_slash(guest: Guest, name: str, attempt: object) -> None:
    """`link1` to `evil/`, `evil` to outside: the slash does not have `evil` followed (cap-std, GHSA-hp8f-xmx4-4qrg)."""
    assert link(guest, "../..", "dir/evil") is Errno.SUCCESS
    assert link(guest, "evil/", "dir/link1") is Errno.SUCCESS
    assert attempt(guest, "dir/link1") is Errno.EPERM, name  # type: ignore[operator]


@pytest.mark.parametrize("slashes", ["/", "//", "/.", "/./"])
@pytest.mark.parametrize("path", ["relative_dir", "absolute_dir", "dir/chain"])
def test_a_path_that_ends_in_slashes(guest: Guest, path: str, slashes: str) -> None:
    """Slashes behind a link out do not have it followed (wasmtime, GHSA-vqjp-4c8c-hfgg, RUSTSEC-2026-0269)."""
    for follow in (False, True):
        assert (
            guest.open(path + slashes, follow=follow, oflags=OFlags.DIRECTORY, rights=DIRECTORY_RIGHTS) is Errno.EPERM
        )
        assert (
            guest.call("path_filestat_get", ROOT, follow, *guest.path(path + slashes), guest.place(64)) is Errno.EPERM
        )


def test_a_slash_behind_a_link_inside_follows_it(guest: Guest) -> None:
    """As POSIX has it, whatever the lookup flags are, and by every way of resolution (wasmtime, issue 14380)."""
    assert link(guest, "dir", "to_dir") is Errno.SUCCESS
    place = guest.place(64)
    guest.ok("path_filestat_get", ROOT, 0, *guest.path("to_dir/"), place)
    assert guest.bytes(place + 16, 1) == b"\x03"


def test_truncating_is_writing(outside: Path) -> None:
    """TRUNC alone, without a right to write, cuts nothing that is read-only (wasmtime, GHSA-2r75-cxrj-cmph)."""
    guest = make_guest({"/": HostDirectory(outside / "root", is_read_only=True)})
    for rights in (0, Rights.FD_READ, READ_WRITE):
        assert guest.open("dir/file", oflags=OFlags.TRUNC, rights=rights) is Errno.EROFS
    assert (outside / "root" / "dir" / "file").read_text() == "mine"


def test_a_read_only_file_gets_no_name_in_a_writable_directory(outside: Path) -> None:
    """Neither by a hard link nor by renaming one (wasmtime, GHSA-4ch3-9j33-3pmj, RUSTSEC-2026-0188)."""
    (outside / "writable").mkdir()
    guest = make_guest(
        {
            "/ro": HostDirectory(outside / "root", is_read_only=True),
            "/rw": HostDirectory(outside / "writable"),
        }
    )
    file, new = guest.path("dir/file"), guest.path("new")
    assert guest.call("path_link", 3, 0, *file, 4, *new) is Errno.EROFS
    assert guest.call("path_rename", 3, *file, 4, *new) is Errno.EROFS
    below = guest.opened("dir", rights=DIRECTORY_RIGHTS, inheriting=ALL_RIGHTS)
    assert guest.call("path_link", below, 0, *guest.path("file"), 4, *new) is Errno.EROFS
    assert list((outside / "writable").iterdir()) == []


@pytest.mark.parametrize("target", ["/", "/a", "/etc/passwd", "//a", "/proc/self/fd/0"])
def test_absolute_links(guest: Guest, target: str) -> None:
    """None is made (uvwasi, issue 271; wasmtime, pull request 6071)."""
    assert link(guest, target, "a") is Errno.EPERM


@pytest.mark.parametrize("target", ["..", "../", "../secret.txt", "dir/../../secret.txt", "dir/sub/../../../private"])
def test_relative_links_that_lead_above(guest: Guest, target: str) -> None:
    """They can be made, as WASI says, and never followed (uvwasi, issue 299; WasmEdge, pull request 4938)."""
    assert link(guest, target, "up") is Errno.SUCCESS
    for rights in (Rights.FD_READ, READ_WRITE):
        assert guest.open("up", follow=True, rights=rights) is Errno.EPERM
    assert guest.open("up/file", follow=False) is Errno.EPERM


def test_links_are_relative_to_where_they_are(guest: Guest) -> None:
    """`dir/link` to `../x` leads to `x`, and the same text one level up leads out (uvwasi, pull request 224)."""
    guest.opened("source", oflags=OFlags.CREAT)
    assert link(guest, "../source", "dir/link") is Errno.SUCCESS
    assert isinstance(guest.open("dir/link", follow=True), int)
    assert link(guest, "../source", "link") is Errno.SUCCESS
    assert guest.open("link", follow=True) is Errno.EPERM


@pytest.mark.parametrize("path", ["../root/dir/file", "dir/../../root/dir/file", "relative_dir/root/dir/file"])
def test_leaving_and_coming_back(guest: Guest, path: str) -> None:
    """A path that is outside for a moment is refused: it would tell what is there (uvwasi, issue 226)."""
    assert guest.open(path, follow=True) is Errno.EPERM


def test_nothing_is_open_that_was_not_given() -> None:
    """A guest without directories has no way to the current one (Wasmer, issue 4267)."""
    guest = make_guest({})
    for fd in range(3, 10):
        assert guest.open("abc", fd=fd, oflags=OFlags.CREAT, rights=READ_WRITE) is Errno.EBADF
        assert guest.call("fd_prestat_get", fd, guest.place(8)) is Errno.EBADF


def test_paths_relative_to_a_file(guest: Guest) -> None:
    """ENOTDIR from every function, and no crash (Wasmer, issue 4899)."""
    fd = guest.opened("dir/file")
    here, there = guest.path("a"), guest.path("../secret.txt")
    assert guest.call("path_symlink", *here, fd, *here) is Errno.ENOTDIR
    assert guest.open("../secret.txt", fd=fd) is Errno.ENOTDIR
    assert guest.call("path_create_directory", fd, *there) is Errno.ENOTDIR
    assert guest.call("path_unlink_file", fd, *there) is Errno.ENOTDIR
    assert guest.call("path_rename", fd, *there, ROOT, *here) is Errno.ENOTDIR
    assert guest.call("path_rename", ROOT, *here, fd, *there) is Errno.ENOTDIR


@pytest.mark.parametrize("name", ["COM1", "COM¹", "LPT⁰", "NUL", "CON", "aux.txt"])
def test_names_of_other_systems_devices(guest: Guest, name: str) -> None:
    """They are names of files like any others here (cap-std, GHSA-hxf5-99xg-86hw)."""
    fd = guest.opened(name, oflags=OFlags.CREAT, rights=READ_WRITE | Rights.FD_FILESTAT_GET)
    assert guest.write(fd, b"x") == 1
    place = guest.place(64)
    guest.ok("fd_filestat_get", fd, place)
    assert guest.bytes(place + 16, 1) == b"\x04"


@pytest.mark.parametrize("path", ["../outside.txt", "../secret.txt", "x/../../secret.txt", "./../root/../secret.txt"])
def test_dots_that_lead_above(guest: Guest, path: str) -> None:
    """Refused, also where a component before them is not there (Samsung Walrus, issue 458; Bun, issue 30304)."""
    assert guest.open(path, follow=True) in (Errno.EPERM, Errno.ENOENT)
    assert guest.open(path, oflags=OFlags.CREAT, rights=READ_WRITE) in (Errno.EPERM, Errno.ENOENT)


def test_names_with_a_meaning_of_their_own(guest: Guest) -> None:
    """`dev/tty` and `proc/` are paths like others, no doors to the host's streams (Bun, pull request 34469)."""
    assert guest.open("dev/tty") is Errno.ENOENT
    guest.ok("path_create_directory", ROOT, *guest.path("dev"))
    fd = guest.opened("dev/tty", oflags=OFlags.CREAT, rights=READ_WRITE)
    assert fd > 3
    assert guest.open("proc/x", follow=True) is Errno.EPERM  # a link to /proc/self/root, which the host made


def test_absolute_paths_are_not_taken_for_relative_ones(guest: Guest) -> None:
    """A slash in front is refused, not cut off (Bun, pull request 34469)."""
    assert guest.open("/dir/file") is Errno.EPERM


def test_a_link_as_the_last_place_of_a_write(guest: Guest, outside: Path) -> None:
    """It is no way to overwrite a file outside (librefang, pull request 4054)."""
    assert link(guest, "../secret.txt", "dir/sub/leaf") is Errno.SUCCESS
    assert link(guest, "../../../secret.txt", "dir/sub/leaf2") is Errno.SUCCESS
    assert guest.open("dir/sub/leaf2", follow=True, oflags=OFlags.TRUNC, rights=READ_WRITE) is Errno.EPERM
    assert (outside / "secret.txt").read_text() == "secret"


def test_a_link_above_what_is_not_there(guest: Guest) -> None:
    """`link/new/file` with `link` out and no `new` is refused at the link (librefang, pull request 6299)."""
    for path in ("relative_dir/new/file", "absolute_dir/new/file", "relative_dir/new"):
        assert guest.open(path, oflags=OFlags.CREAT, rights=READ_WRITE) is Errno.EPERM
        assert guest.call("path_create_directory", ROOT, *guest.path(path)) is Errno.EPERM


def test_a_copy_on_write_reads_through_no_link(guest: Guest) -> None:
    """What an overlay takes up from below is inside as well (sandlock, issue 112)."""
    for name in ("absolute_file", "relative_file", "dots"):
        assert guest.open(name, follow=True, rights=READ_WRITE) is Errno.EPERM
        assert guest.open(name, follow=False, rights=READ_WRITE) is Errno.ELOOP


def test_links_of_the_host_out_of_the_directory(guest: Guest) -> None:
    """Those that were there before are no doors either (GraalVM, pull request 13419)."""
    for name in ("absolute_dir/secret.txt", "relative_dir/secret.txt", "root_link/etc/passwd", "deep/file"):
        assert guest.open(name, follow=True) is Errno.EPERM


def test_the_texts_of_the_hosts_links(guest: Guest) -> None:
    """An absolute one would tell where things are on the host (WASI, issue 299)."""
    place, used = guest.place(64), guest.place(4)
    for name in ("absolute_file", "absolute_dir", "root_link", "proc", "cwd"):
        assert guest.call("path_readlink", ROOT, *guest.path(name), place, 64, used) is Errno.EPERM
    assert guest.bytes(place, 64) == bytes(64)


def test_rights_are_kept(guest: Guest) -> None:
    """They are not only checked for being numbers, and none come back (wasmoon, issue 294)."""
    fd = guest.opened("dir", rights=Rights.PATH_OPEN, inheriting=Rights.FD_READ)
    assert guest.call("fd_fdstat_set_rights", fd, DIRECTORY_RIGHTS, ALL_RIGHTS) is Errno.ENOTCAPABLE
    assert guest.open("file", fd=fd, rights=READ_WRITE) is Errno.ENOTCAPABLE
    assert guest.open("new", fd=fd, rights=Rights.FD_READ, oflags=OFlags.CREAT) is Errno.ENOTCAPABLE
    file = guest.opened("file", fd=fd, rights=Rights.FD_READ)
    assert guest.call("fd_fdstat_set_rights", file, FILE_RIGHTS, 0) is Errno.ENOTCAPABLE
    assert guest.call("fd_write", file, *guest.iovecs((0, 1)), guest.place(4)) is Errno.EBADF


def test_renumbering_to_itself_and_to_what_is_closed(guest: Guest) -> None:
    """The next opening finds a table in order (wasmtime, CVE-2025-53901, GHSA-fm79-3f68-h2fc)."""
    first, second = guest.opened("dir/file"), guest.opened("dir/file")
    guest.ok("fd_renumber", first, first)
    guest.ok("fd_close", second)
    assert guest.call("fd_renumber", first, second) is Errno.EBADF
    assert guest.opened("dir/file") == second
    assert guest.read(first, 4) == b"mine"


def test_renumbering_closes_what_was_there(guest: Guest) -> None:
    """No descriptor of the host stays open behind it (wasmtime, pull request 13650)."""
    first, second = guest.opened("dir/file"), guest.opened("dir/file")
    before = len(list(Path("/proc/self/fd").iterdir()))
    guest.ok("fd_renumber", first, second)
    guest.ok("fd_close", second)
    assert len(list(Path("/proc/self/fd").iterdir())) < before
