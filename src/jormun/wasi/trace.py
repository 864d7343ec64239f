"""Writing down a guest's calls, a line each, as strace does: decoded arguments, result, what was returned, time.

path_open(3, SYMLINK_FOLLOW, "data.txt", 0, FD_READ|FD_SEEK, 0, 0, 0x1f8c) = 0, opened_fd: 4 <0.000061>
fd_read(4, [4096], 0x1f90) = 0, nread: 12 <0.000009>
fd_close(9) = EBADF <0.000004>
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from jormun.dataclass import dataclass
from jormun.enumeration import IntEnum
from jormun.hints import TYPE_CHECKING, Final, TypeAlias
from jormun.wasi.abi import (
    EVENT,
    FDSTAT,
    IOVEC,
    PRESTAT,
    SUBSCRIPTION_CLOCK_ABSTIME,
    SUBSCRIPTION_CONTENT_OFFSET,
    SUBSCRIPTION_TAG_OFFSET,
    U32_RECORD,
    U64_RECORD,
    ClockId,
    EventType,
    FdFlags,
    FileType,
    FstFlags,
    LookupFlags,
    OFlags,
    Rights,
)
from jormun.wasi.errno import Errno, WasiError, errno_of
from jormun.wasi.function import WasiFunction

if TYPE_CHECKING:
    from jormun.wasi.wasi import Wasi

Show: TypeAlias = "Callable[[Wasi, str, Sequence[int]], str]"
"""Takes the world, a function's name, and an argument with those behind it; the argument in words."""

_SHOWN_BYTES: Final = 64
"""How much of a path is shown."""
_SHOWN_ITEMS: Final = 8
"""How much of an array is shown."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Where calls are written down: `write` takes lines with their ends, from any of the guest's threads."""

    write: Callable[[str], object]

    def traced(self, function: WasiFunction, call: Callable[..., int]) -> Callable[..., int]:
        """The call, written down. What comes out of it, and when, stays the same."""

        def traced(wasi: Wasi, *arguments: int) -> int:
            shown = _arguments(wasi, function, arguments)
            start = time.perf_counter_ns()
            try:
                try:
                    result = call(wasi, *arguments)
                except Exception as error:
                    result = errno_of(error)
            except BaseException:  # what ends the guest, and Ctrl-C
                self._line(wasi, f"{function.name}({shown}) = ?", start)
                raise
            returned = "" if result else _returned(wasi, function, arguments)
            self._line(wasi, f"{function.name}({shown}) = {Errno(result).name if result else 0}{returned}", start)
            return result

        return traced

    def _line(self, wasi: Wasi, text: str, start_ns: int) -> None:
        seconds = (time.perf_counter_ns() - start_ns) / 1e9
        thread = "" if wasi.threads is None else f"[{threading.current_thread().name}] "
        self.write(f"{thread}{text} <{seconds:.6f}>\n")


def _arguments(wasi: Wasi, function: WasiFunction, arguments: Sequence[int]) -> str:
    shown = []
    skipped = ""
    for k, name in enumerate(function.parameters):
        if name == skipped:
            continue
        show = _ARGUMENTS.get(f"{function.name}.{name}") or _ARGUMENTS.get(name)
        if show is None:
            shown.append(str(arguments[k]))
            continue
        try:
            shown.append(show(wasi, name, arguments[k:]))
        except WasiError:  # it lies outside of the memory
            shown.append(hex(arguments[k]))
            continue
        if show in _WITH_LENGTH:
            skipped = f"{name}_len"
    return ", ".join(shown)


def _returned(wasi: Wasi, function: WasiFunction, arguments: Sequence[int]) -> str:
    """What a call that succeeded wrote to the places that it was given, as far as that is short."""
    shown = []
    for name, argument in zip(function.parameters, arguments, strict=True):
        show = _RESULTS.get(f"{function.name}.{name}") or _RESULTS.get(name)
        if show is not None:
            shown.append(f", {name}: {show(wasi, name, (argument,))}")
    if function.name == "poll_oneoff":
        shown.append(f", events: {_events(wasi, arguments[1], arguments[3])}")
    return "".join(shown)


def names_of(flags: type, value: int) -> str:
    """The flags that are set, by their names; what has none as a number."""
    names = []
    for name, bit in vars(flags).items():
        if name.isupper() and value & bit:
            names.append(name)
            value &= ~bit
    if value or not names:
        names.append(str(value) if not value else hex(value))
    return "|".join(names)


def _name(kind: type[IntEnum], value: int) -> str:
    """The name of a number, if it has one: other threads of the guest may write where a call did."""
    try:
        return kind(value).name
    except ValueError:
        return str(value)


def _flags(flags: type) -> Show:
    return lambda wasi, name, arguments: names_of(flags, arguments[0])


def _address(wasi: Wasi, name: str, arguments: Sequence[int]) -> str:
    return hex(arguments[0])


def _signed(wasi: Wasi, name: str, arguments: Sequence[int]) -> str:
    return str(arguments[0] - (arguments[0] >> 63 << 64))


def _clock(wasi: Wasi, name: str, arguments: Sequence[int]) -> str:
    return _name(ClockId, arguments[0])


def _text(wasi: Wasi, name: str, arguments: Sequence[int]) -> str:
    address, size = arguments[:2]
    data = wasi.memory.read(address, min(size, _SHOWN_BYTES))
    text = data.decode(errors="backslashreplace").replace('"', '\\"')
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return f'"{shown}"' + ("..." if size > _SHOWN_BYTES else "")


def _list(shown: Sequence[str], count: int) -> str:
    """The first items of an array of `count`."""
    return f"[{', '.join(shown)}{', ...' if count > _SHOWN_ITEMS else ''}]"


def _iovecs(wasi: Wasi, name: str, arguments: Sequence[int]) -> str:
    """The lengths of buffers."""
    address, count = arguments[:2]
    data = wasi.memory.read(address, IOVEC.size * min(count, _SHOWN_ITEMS))
    lengths = [str(length) for _, length in IOVEC.iter_unpack(data)]
    return _list(lengths, count)


def _subscriptions(wasi: Wasi, name: str, arguments: Sequence[int]) -> str:
    address, _, count = arguments[:3]
    size = wasi.abi.subscription_size_bytes
    shown = []
    for k in range(min(count, _SHOWN_ITEMS)):
        tag = wasi.memory.read(address + k * size + SUBSCRIPTION_TAG_OFFSET, 1)[0]
        if tag == EventType.CLOCK:
            clock, timeout, _, flags = wasi.memory.unpack(
                wasi.abi.subscription_clock, address + k * size + SUBSCRIPTION_CONTENT_OFFSET
            )
            shown.append(
                f"{_clock(wasi, name, (clock,))} {'at' if flags & SUBSCRIPTION_CLOCK_ABSTIME else 'in'} {timeout} ns"
            )
        else:
            fd = wasi.memory.unpack(U32_RECORD, address + k * size + SUBSCRIPTION_CONTENT_OFFSET)[0]
            shown.append(f"{_name(EventType, tag)} {fd}")
    return _list(shown, count)


def _events(wasi: Wasi, address: int, count_address: int) -> str:
    count = wasi.memory.unpack(U32_RECORD, count_address)[0]
    shown = []
    for k in range(min(count, _SHOWN_ITEMS)):
        _, error, kind, available, flags = wasi.memory.unpack(EVENT, address + k * EVENT.size)
        name = _name(EventType, kind)
        detail = _name(Errno, error) if error else f"{available} bytes" if kind == EventType.FD_READ else ""
        shown.append(" ".join(filter(None, (name, detail, "HANGUP" if flags else ""))))
    return _list(shown, count)


def _u32(wasi: Wasi, name: str, arguments: Sequence[int]) -> str:
    return str(wasi.memory.unpack(U32_RECORD, arguments[0])[0])


def _u64(wasi: Wasi, name: str, arguments: Sequence[int]) -> str:
    return str(wasi.memory.unpack(U64_RECORD, arguments[0])[0])


def _fdstat(wasi: Wasi, name: str, arguments: Sequence[int]) -> str:
    kind, flags, rights, inheriting = wasi.memory.unpack(FDSTAT, arguments[0])
    return (
        f"{{{_name(FileType, kind)}, {names_of(FdFlags, flags)}, {names_of(Rights, rights)}, "
        f"{names_of(Rights, inheriting)}}}"
    )


def _filestat(wasi: Wasi, name: str, arguments: Sequence[int]) -> str:
    dev, ino, kind, links, size, accessed, modified, changed = wasi.memory.unpack(wasi.abi.filestat, arguments[0])
    return (
        f"{{dev: {dev}, ino: {ino}, {_name(FileType, kind)}, links: {links}, size: {size}, "
        f"atim: {accessed}, mtim: {modified}, ctim: {changed}}}"
    )


def _prestat(wasi: Wasi, name: str, arguments: Sequence[int]) -> str:
    return f"{{DIR, name_len: {wasi.memory.unpack(PRESTAT, arguments[0])[1]}}}"


_WITH_LENGTH: Final = (_text, _iovecs)
"""What shows an argument together with its length, which stands behind it."""

_COUNTS: Final = (
    *("argc", "argv_buf_size", "environc", "environ_buf_size", "bufused", "nread", "nwritten", "opened_fd"),
    *("accepted", "nevents", "ro_datalen", "so_datalen"),
)
"""Where 4 bytes are written."""
_ADDRESSES: Final = (
    *_COUNTS,
    *("argv", "argv_buf", "environ", "environ_buf", "buf", "stat", "time", "resolution", "newoffset", "out"),
    *("ro_flags", "fd_tell.offset", "fd_prestat_dir_name.path"),
)

_ARGUMENTS: Final[dict[str, Show]] = {
    **dict.fromkeys(("path", "old_path", "new_path"), _text),
    **dict.fromkeys(("iovs", "ri_data", "si_data"), _iovecs),
    **dict.fromkeys(_ADDRESSES, _address),
    "fd_seek.offset": _signed,
    "clock_id": _clock,
    "in_": _subscriptions,
    "dirflags": _flags(LookupFlags),
    "old_flags": _flags(LookupFlags),
    "path_filestat_get.flags": _flags(LookupFlags),
    "path_filestat_set_times.flags": _flags(LookupFlags),
    "oflags": _flags(OFlags),
    "fdflags": _flags(FdFlags),
    "fd_fdstat_set_flags.flags": _flags(FdFlags),
    "sock_accept.flags": _flags(FdFlags),
    "fst_flags": _flags(FstFlags),
    "rights_base": _flags(Rights),
    "rights_inheriting": _flags(Rights),
}
"""How arguments are shown, by their names or the function's and theirs; all others are numbers."""

_RESULTS: Final[dict[str, Show]] = {
    **dict.fromkeys(_COUNTS, _u32),
    **dict.fromkeys(("time", "resolution", "newoffset", "fd_tell.offset"), _u64),
    "fd_fdstat_get.stat": _fdstat,
    "fd_filestat_get.buf": _filestat,
    "path_filestat_get.buf": _filestat,
    "fd_prestat_get.buf": _prestat,
}
"""What is shown of the places that calls write to."""
