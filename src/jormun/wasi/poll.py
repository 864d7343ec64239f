"""Waiting: poll_oneoff."""

from __future__ import annotations

import select

from jormun.dataclass import dataclass
from jormun.functions import partial
from jormun.hints import Final
from jormun.runtime.host import NotYet
from jormun.runtime.interruption import MOST_MS, poll
from jormun.wasi.abi import (
    EVENT,
    EVENT_RW_HANGUP,
    SUBSCRIPTION_CLOCK_ABSTIME,
    SUBSCRIPTION_CONTENT_OFFSET,
    SUBSCRIPTION_TAG_OFFSET,
    SUCCESS,
    U32_RECORD,
    U64_RECORD,
    ClockId,
    EventType,
    Rights,
)
from jormun.wasi.clocks import LAST_NS
from jormun.wasi.descriptors import DESCRIPTORS
from jormun.wasi.errno import Errno, WasiError
from jormun.wasi.filesystem import File
from jormun.wasi.function import U32, Pointer, wasi_function
from jormun.wasi.wasi import Wasi

SUBSCRIPTIONS: Final = DESCRIPTORS
"""How many one call may wait for; as poll(2), which refuses more than there can be descriptors."""


@dataclass(frozen=True, slots=True)
class _Timer:
    userdata: int
    deadline_ns: int
    """On the guest's monotonic clock."""


@dataclass(frozen=True, slots=True)
class _Stream:
    userdata: int
    type: EventType
    file: File
    fd: int
    """The host's descriptor."""


@dataclass(frozen=True, slots=True)
class _Event:
    userdata: int
    errno: int
    type: EventType
    available: int = 0
    flags: int = 0


@wasi_function
def poll_oneoff(wasi: Wasi, in_: Pointer, out: Pointer, nsubscriptions: U32, nevents: Pointer) -> int:
    """Waits until one of several things has happened, and tells all that have.

    in_, nsubscriptions: an array of subscriptions of 48 bytes (56 for wasi_unstable), their number. Each is user data,
        a tag, and for a clock: the clock, a timeout in nanoseconds, a precision, and whether the timeout is a time of
        the clock or a duration; for reading or writing: a descriptor
    out: where to write events of 32 bytes, as many as there are subscriptions at most: the user data, an error number,
        the tag, and for a descriptor the number of bytes that can be read, and whether the other end has hung up
    nevents: where to write the number of events, 4 bytes

    A subscription that cannot be waited for makes an event with an error number of its own, and the call return at
    once: EBADF when the descriptor is not open, ENOTCAPABLE when it has not the right POLL_FD_READWRITE, EISDIR for a
    directory, ENOTSUP for a clock that counts the processor's time, EINVAL for one that there is not.

    EINVAL: there are no subscriptions, or more than 65,536, or one has a tag that there is not
    EFAULT: the subscriptions, the events or `nevents` do not fit the memory
    """
    if not nsubscriptions:
        raise WasiError(Errno.EINVAL)
    size = wasi.abi.subscription_size_bytes
    wasi.memory.require(in_, nsubscriptions * size)
    wasi.memory.require(out, nsubscriptions * EVENT.size)
    wasi.memory.require(nevents, 4)
    if nsubscriptions > SUBSCRIPTIONS:
        raise WasiError(Errno.EINVAL)
    timers: list[_Timer] = []
    streams: list[_Stream] = []
    events: list[_Event] = []
    for k in range(nsubscriptions):
        _subscribe(wasi, in_ + k * size, timers, streams, events)
    if not events:
        return _wait_and_tell(wasi, timers, streams, out, nevents)
    if streams:
        events += _ready(wasi, streams, 0)
    return _tell(wasi, events, out, nevents)


def _wait_and_tell(wasi: Wasi, timers: list[_Timer], streams: list[_Stream], out: Pointer, nevents: Pointer) -> int:
    try:
        events = _wait(wasi, timers, streams)
    except NotYet as wait:  # the time that has passed counts
        wait.redo = partial(_wait_and_tell, wasi, timers, streams, out, nevents)
        raise
    return _tell(wasi, events, out, nevents)


def _tell(wasi: Wasi, events: list[_Event], out: Pointer, nevents: Pointer) -> int:
    for k, event in enumerate(events):
        wasi.memory.pack(
            EVENT, out + k * EVENT.size, event.userdata, event.errno, event.type, event.available, event.flags
        )
    wasi.memory.write_u32(nevents, len(events))
    return SUCCESS


def _subscribe(wasi: Wasi, address: int, timers: list[_Timer], streams: list[_Stream], events: list[_Event]) -> None:
    """Reads a subscription and puts it where it belongs; what is ready or wrong already becomes an event."""
    memory = wasi.memory
    userdata = memory.unpack(U64_RECORD, address)[0]
    tag = memory.read(address + SUBSCRIPTION_TAG_OFFSET, 1)[0]
    if tag >= len(EventType):
        raise WasiError(Errno.EINVAL)
    if tag == EventType.CLOCK:
        clock, timeout, _, flags = memory.unpack(wasi.abi.subscription_clock, address + SUBSCRIPTION_CONTENT_OFFSET)
        if clock > ClockId.MONOTONIC:
            error = Errno.ENOTSUP if clock < len(ClockId) else Errno.EINVAL
            events.append(_Event(userdata, error, EventType.CLOCK))
            return
        if flags & SUBSCRIPTION_CLOCK_ABSTIME:
            timeout -= wasi.clocks.readers[clock]()
        timers.append(_Timer(userdata, min(_now(wasi) + timeout, LAST_NS)))
        return
    kind = EventType(tag)
    fd = memory.unpack(U32_RECORD, address + SUBSCRIPTION_CONTENT_OFFSET)[0]
    try:
        file = wasi.table.file(fd, Rights.POLL_FD_READWRITE)
    except WasiError as error:
        events.append(_Event(userdata, error.errno, kind))
        return
    host_fd = file.fileno()
    if host_fd is None:
        available = file.available() if kind is EventType.FD_READ else 0
        events.append(_Event(userdata, SUCCESS, kind, available))
    else:
        streams.append(_Stream(userdata, kind, file, host_fd))


def _now(wasi: Wasi) -> int:
    return wasi.clocks.readers[ClockId.MONOTONIC]()


def _wait(wasi: Wasi, timers: list[_Timer], streams: list[_Stream]) -> list[_Event]:
    """Waits until there is an event."""
    first_ns = min((timer.deadline_ns for timer in timers), default=None)
    while True:
        left_ns = None if first_ns is None else max(0, first_ns - _now(wasi))
        events: list[_Event] = []
        if left_ns is not None and wasi.clocks.is_fixed:
            events = _ready(wasi, streams, 0)
            if not events:
                wasi.clocks.sleep(left_ns)
        elif streams or wasi.threads is not None:
            events = _ready(wasi, streams, left_ns)
        elif left_ns:  # poll(2) counts milliseconds; a sleep alone is exact
            wasi.clocks.sleep(min(left_ns, MOST_MS * 1_000_000))
        if timers:
            now = _now(wasi)
            events += [_Event(t.userdata, SUCCESS, EventType.CLOCK) for t in timers if t.deadline_ns <= now]
        if events:
            return events


def _ready(wasi: Wasi, streams: list[_Stream], timeout_ns: int | None) -> list[_Event]:
    """Waits for streams until the time is up (None: without end); the events of those that are ready."""
    wanted: dict[int, int] = {}
    for stream in streams:
        event = select.POLLIN if stream.type is EventType.FD_READ else select.POLLOUT
        wanted[stream.fd] = wanted.get(stream.fd, 0) | event
    timeout_ms = None if timeout_ns is None else min(-(-timeout_ns // 1_000_000), MOST_MS)
    answers = poll(wanted, timeout_ms) if wasi.threads is None else wasi.threads.interruption.poll(wanted, timeout_ms)
    events = []
    for stream in streams:
        answer = answers.get(stream.fd, 0)
        if stream.type is EventType.FD_READ:
            if answer & (select.POLLIN | select.POLLHUP | select.POLLERR | select.POLLNVAL):
                flags = EVENT_RW_HANGUP if answer & select.POLLHUP else 0
                events.append(_Event(stream.userdata, SUCCESS, stream.type, stream.file.available(), flags))
        elif answer & (select.POLLOUT | select.POLLHUP | select.POLLERR | select.POLLNVAL):
            flags = EVENT_RW_HANGUP if answer & (select.POLLHUP | select.POLLERR) else 0
            events.append(_Event(stream.userdata, SUCCESS, stream.type, 0, flags))
    return events
