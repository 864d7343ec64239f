"""Files by their paths: path_open, path_create_directory, path_remove_directory, path_unlink_file, path_rename,
path_link, path_symlink, path_readlink, path_filestat_get, path_filestat_set_times.

All of them: a path is UTF-8, relative to a directory descriptor, and does not lead out of that directory. What goes
wrong with the path itself is said once, here:

    EBADF: the directory is not open
    ENOTDIR: it is none, or a part of the path is none
    ENOENT: the path is empty, or leads through or to what is not there
    EPERM: the path, or a symbolic link on its way, is absolute or leads out of the directory
    ELOOP: the path leads through more than 40 symbolic links
    ENAMETOOLONG: the path is longer than 4096 bytes, or a name in it than the host allows
    EILSEQ: the path is not UTF-8
    EINVAL: the path has a NUL in it
    EACCES: the host does not let its user do this
    EROFS: the directory was given for reading only
    ENOTCAPABLE: the directory has not the right that bears the call's name
    EFAULT: the path, or the place for a result, does not fit the memory
"""

from __future__ import annotations

from jormun.functions import cache
from jormun.hints import Final
from jormun.runtime.rights import READING, WRITING
from jormun.wasi.abi import ALL_RIGHTS, SUCCESS, LookupFlags, OFlags, Rights
from jormun.wasi.descriptors import Descriptor
from jormun.wasi.errno import Errno, WasiError
from jormun.wasi.fd_status import ALL_FDFLAGS, requested_times, write_filestat
from jormun.wasi.filesystem import PATH_BYTES, File, OpenMode
from jormun.wasi.function import U32, U64, Pointer, wasi_function
from jormun.wasi.wasi import Wasi

_ALL_OFLAGS: Final = OFlags.CREAT | OFlags.DIRECTORY | OFlags.EXCL | OFlags.TRUNC


@wasi_function
def path_open(
    wasi: Wasi,
    fd: U32,
    dirflags: U32,
    path: Pointer,
    path_len: U32,
    oflags: U32,
    rights_base: U64,
    rights_inheriting: U64,
    fdflags: U32,
    opened_fd: Pointer,
) -> int:
    """Opens a file or directory.

    fd: the directory that `path` is relative to
    dirflags: LookupFlags: whether a symbolic link in the path's last place is followed
    path, path_len: the path, its length in bytes
    oflags: OFlags: create it when it is not there; fail when it is; cut it to 0 bytes; fail when it is no directory
    rights_base: what is going to be done with it; decides whether the host opens it for reading, writing or both. It
        gets those that mean something on what it turns out to be
    rights_inheriting: what is going to be done with what is opened below it
    fdflags: FdFlags
    opened_fd: where to write the descriptor, 4 bytes

    EEXIST: it is there, and was to be created exclusively
    EISDIR: it is a directory, and was to be written
    ELOOP: it is a symbolic link, which was not to be followed
    EINVAL: there is no such flag
    EMFILE, ENFILE: too many files are open
    ENOTCAPABLE: `fd` has not the right PATH_OPEN, or PATH_CREATE_FILE or PATH_FILESTAT_SET_SIZE where they are needed,
        or does not inherit all the rights that are asked for
    """
    if oflags & ~_ALL_OFLAGS or fdflags & ~ALL_FDFLAGS:
        raise WasiError(Errno.EINVAL)
    directory = wasi.table.directory(fd, Rights.PATH_OPEN)
    parent = wasi.table.get(fd)
    rights_base &= ALL_RIGHTS
    rights_inheriting &= ALL_RIGHTS
    if (rights_base | rights_inheriting) & ~parent.inheriting:
        raise WasiError(Errno.ENOTCAPABLE)
    if oflags & OFlags.CREAT and not parent.rights & Rights.PATH_CREATE_FILE:
        raise WasiError(Errno.ENOTCAPABLE)
    if oflags & OFlags.TRUNC and not parent.rights & Rights.PATH_FILESTAT_SET_SIZE:
        raise WasiError(Errno.ENOTCAPABLE)
    wasi.memory.require(opened_fd, 4)
    mode = _mode(bool(rights_base & READING), bool(rights_base & WRITING), oflags, fdflags)
    opened = directory.open(_path(wasi, path, path_len), mode, follow=_follows(dirflags))
    if isinstance(opened, File):
        descriptor = Descriptor.of_file(opened, rights_base)
    else:
        descriptor = Descriptor.of_directory(opened, rights_base, rights_inheriting)
    try:
        number = wasi.table.insert(descriptor)
    except WasiError:
        descriptor.close()
        raise
    wasi.memory.write_u32(opened_fd, number)
    return SUCCESS


@cache  # of few numbers
def _mode(reads: bool, writes: bool, oflags: int, fdflags: int) -> OpenMode:
    return OpenMode(
        can_read=reads or not writes,
        can_write=writes,
        create=bool(oflags & OFlags.CREAT),
        exclusive=bool(oflags & OFlags.EXCL),
        truncate=bool(oflags & OFlags.TRUNC),
        directory=bool(oflags & OFlags.DIRECTORY),
        flags=fdflags,
    )


@wasi_function
def path_create_directory(wasi: Wasi, fd: U32, path: Pointer, path_len: U32) -> int:
    """Makes a directory.

    fd: the directory that `path` is relative to
    path, path_len: the path, its length in bytes

    EEXIST: there is something of that name
    ENOSPC, EDQUOT, EMLINK: as the host says
    """
    directory = wasi.table.directory(fd, Rights.PATH_CREATE_DIRECTORY)
    directory.create_directory(_path(wasi, path, path_len))
    return SUCCESS


@wasi_function
def path_remove_directory(wasi: Wasi, fd: U32, path: Pointer, path_len: U32) -> int:
    """Removes an empty directory.

    fd: the directory that `path` is relative to
    path, path_len: the path, its length in bytes

    ENOTEMPTY: there is something in it
    ENOTDIR: it is no directory
    """
    directory = wasi.table.directory(fd, Rights.PATH_REMOVE_DIRECTORY)
    directory.remove_directory(_path(wasi, path, path_len))
    return SUCCESS


@wasi_function
def path_unlink_file(wasi: Wasi, fd: U32, path: Pointer, path_len: U32) -> int:
    """Removes a name of a file; the file goes with its last name. A symbolic link is removed itself.

    fd: the directory that `path` is relative to
    path, path_len: the path, its length in bytes

    EISDIR: it is a directory
    ENOTDIR: a slash stands behind the name of a file
    """
    directory = wasi.table.directory(fd, Rights.PATH_UNLINK_FILE)
    directory.unlink_file(_path(wasi, path, path_len))
    return SUCCESS


@wasi_function
def path_rename(
    wasi: Wasi, fd: U32, old_path: Pointer, old_path_len: U32, new_fd: U32, new_path: Pointer, new_path_len: U32
) -> int:
    """Gives a file or directory another name. What had that name is replaced, in one step.

    fd, old_path, old_path_len: the directory that the old path is relative to, the path, its length in bytes
    new_fd, new_path, new_path_len: the same of the new path

    EISDIR, ENOTDIR: one is a directory and the other is not
    ENOTEMPTY: there is something in the directory that is to be replaced
    EINVAL: a directory is to be moved into itself
    EXDEV: the two are on different file systems
    """
    source = wasi.table.directory(fd, Rights.PATH_RENAME_SOURCE)
    target = wasi.table.directory(new_fd, Rights.PATH_RENAME_TARGET)
    source.rename(_path(wasi, old_path, old_path_len), target, _path(wasi, new_path, new_path_len))
    return SUCCESS


@wasi_function
def path_link(
    wasi: Wasi,
    old_fd: U32,
    old_flags: U32,
    old_path: Pointer,
    old_path_len: U32,
    new_fd: U32,
    new_path: Pointer,
    new_path_len: U32,
) -> int:
    """Gives a file a further name.

    old_fd, old_path, old_path_len: the directory that the old path is relative to, the path, its length in bytes
    old_flags: LookupFlags; links are never followed here
    new_fd, new_path, new_path_len: the directory, path and its length of the new name

    EINVAL: a symbolic link was to be followed
    EEXIST: there is something of the new name
    EPERM: it is a directory
    EXDEV: the two are on different file systems
    """
    source = wasi.table.directory(old_fd, Rights.PATH_LINK_SOURCE)
    target = wasi.table.directory(new_fd, Rights.PATH_LINK_TARGET)
    if old_flags:
        raise WasiError(Errno.EINVAL)
    source.link(_path(wasi, old_path, old_path_len), target, _path(wasi, new_path, new_path_len))
    return SUCCESS


@wasi_function
def path_symlink(
    wasi: Wasi, old_path: Pointer, old_path_len: U32, fd: U32, new_path: Pointer, new_path_len: U32
) -> int:
    """Makes a symbolic link.

    old_path, old_path_len: its text, the length of that in bytes; need not lead anywhere
    fd, new_path, new_path_len: the directory that its own path is relative to, the path, its length in bytes

    EEXIST: there is something of that name
    ENOENT: the text is empty
    EPERM: the text is an absolute path
    """
    directory = wasi.table.directory(fd, Rights.PATH_SYMLINK)
    directory.symlink(_path(wasi, old_path, old_path_len), _path(wasi, new_path, new_path_len))
    return SUCCESS


@wasi_function
def path_readlink(
    wasi: Wasi, fd: U32, path: Pointer, path_len: U32, buf: Pointer, buf_len: U32, bufused: Pointer
) -> int:
    """Tells the text of a symbolic link.

    fd: the directory that `path` is relative to
    path, path_len: the path, its length in bytes
    buf, buf_len: where to write the text, without a NUL and cut off where the room ends; how much room there is
    bufused: where to write the number of bytes written, 4 bytes

    EINVAL: it is no symbolic link
    """
    directory = wasi.table.directory(fd, Rights.PATH_READLINK)
    wasi.memory.require(bufused, 4)
    wasi.memory.require(buf, buf_len)
    text = directory.read_link(_path(wasi, path, path_len))[:buf_len]
    wasi.memory.write(buf, text)
    wasi.memory.write_u32(bufused, len(text))
    return SUCCESS


@wasi_function
def path_filestat_get(wasi: Wasi, fd: U32, flags: U32, path: Pointer, path_len: U32, buf: Pointer) -> int:
    """Tells the attributes of a file or directory.

    fd: the directory that `path` is relative to
    flags: LookupFlags: whether a symbolic link in the path's last place is followed
    path, path_len: the path, its length in bytes
    buf: where to write them, as fd_filestat_get does
    """
    directory = wasi.table.directory(fd, Rights.PATH_FILESTAT_GET)
    write_filestat(wasi, buf, directory.path_stat(_path(wasi, path, path_len), follow=_follows(flags)))
    return SUCCESS


@wasi_function
def path_filestat_set_times(
    wasi: Wasi, fd: U32, flags: U32, path: Pointer, path_len: U32, atim: U64, mtim: U64, fst_flags: U32
) -> int:
    """Sets the times of last access and modification of a file or directory.

    fd: the directory that `path` is relative to
    flags: LookupFlags: whether a symbolic link in the path's last place is followed
    path, path_len: the path, its length in bytes
    atim, mtim, fst_flags: as for fd_filestat_set_times

    EINVAL: there is no such flag, or a time is to be set both ways
    """
    directory = wasi.table.directory(fd, Rights.PATH_FILESTAT_SET_TIMES)
    times = requested_times(atim, mtim, fst_flags)
    directory.path_set_times(_path(wasi, path, path_len), times, follow=_follows(flags))
    return SUCCESS


def _follows(flags: int) -> bool:
    """Whether these LookupFlags say that a link is followed. Raises EINVAL for flags that there are not."""
    if flags & ~LookupFlags.SYMLINK_FOLLOW:
        raise WasiError(Errno.EINVAL)
    return bool(flags)


def _path(wasi: Wasi, address: int, size: int) -> bytes:
    """A path from the guest's memory. Raises EFAULT; EILSEQ when it is not UTF-8."""
    if size > PATH_BYTES:
        wasi.memory.require(address, size)
        raise WasiError(Errno.ENAMETOOLONG)
    path = wasi.memory.read(address, size)
    try:
        path.decode()
    except UnicodeDecodeError:
        raise WasiError(Errno.EILSEQ) from None
    return path
