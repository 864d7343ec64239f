"""Whatever a guest passes, it gets an error number back: no exception comes out, and nothing outside is touched."""

from __future__ import annotations

import tempfile
from pathlib import Path
from struct import pack

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jormun.types import I64
from jormun.wasi.abi import PREVIEW1, UNSTABLE
from jormun.wasi.errno import Errno
from jormun.wasi.functions import functions_of
from jormun.wasi.host_directory import HostDirectory
from jormun.wasi.memory_directory import MemoryDirectory
from jormun.wasi.overlay_directory import OverlayDirectory

from .fake_guest import SIZE_BYTES, make_guest

EDGES = st.sampled_from([0, 1, 2, 3, 4, 5, 8, 64, 1024, SIZE_BYTES - 8, SIZE_BYTES - 1, SIZE_BYTES, 2**31 - 1, 2**31])
I32S = EDGES | st.integers(-(2**31), 2**32 - 1)
I64S = EDGES | st.integers(-(2**63), 2**64 - 1) | st.sampled_from([2**63 - 1, 2**63, 2**64 - 1])
NAMES = sorted(set(functions_of(PREVIEW1)) - {"proc_exit", "proc_raise"})
"""Without those that do not return."""
PATHS = [b"file", b"dir/", b"..", b"link", b"\xff", b"a\0b", b"/", b"", b"x" * 300, b"dir/../../secret.txt"]


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_call_returns_a_number(data: st.DataObject) -> None:
    """Several calls in a row on one guest, its memory sown with paths and buffers. Its clocks are fixed: it never
    waits.
    """
    with tempfile.TemporaryDirectory() as folder:
        outside = Path(folder)
        (outside / "secret.txt").write_text("secret")
        root = outside / "root"
        root.mkdir()
        (root / "file").write_text("content")
        (root / "dir").mkdir()
        (root / "link").symlink_to("../secret.txt")
        abi = data.draw(st.sampled_from([PREVIEW1, UNSTABLE]))
        kinds = (HostDirectory(root), OverlayDirectory(root).reopened(), MemoryDirectory({"file": "x", "dir": {}}))
        guest = make_guest({"/": data.draw(st.sampled_from(kinds))}, abi=abi, deterministic=True)
        guest.memory.data[:1024] = data.draw(st.binary(max_size=64)).ljust(1024, b"\0")
        names = [name for name in NAMES if name in functions_of(abi)]
        for _ in range(data.draw(st.integers(1, 12))):
            name = data.draw(st.sampled_from(names))
            arguments = []
            parameters = functions_of(abi)[name].call.__annotations__
            for parameter, t in zip(list(parameters)[1:], functions_of(abi)[name].type.params, strict=False):
                if parameter.endswith("path") and data.draw(st.booleans()):
                    arguments.append(guest.put(data.draw(st.sampled_from(PATHS))))
                elif "fd" in parameter.split("_"):
                    arguments.append(data.draw(st.integers(0, 6) | I32S))
                else:
                    arguments.append(data.draw(I64S if t is I64 else I32S))
            if name == "fd_allocate" or name == "fd_filestat_set_size":
                arguments[1:] = [argument % 2**16 for argument in arguments[1:]]
            assert isinstance(guest.call(name, *arguments), Errno)
        guest.close()
        assert sorted(path.name for path in outside.iterdir()) == ["root", "secret.txt"]
        assert (outside / "secret.txt").read_text() == "secret"


def test_endless_sleeps_come_to_an_end() -> None:
    """Fixed clocks stop at the largest time that there is, and those who sleep longer wake then."""
    guest = make_guest({}, deterministic=True)
    subscription = guest.put(pack("<QQIxxxxQQH6x", 7, 0, 0, 2**64 - 1, 0, 0))
    for _ in range(3):
        guest.ok("poll_oneoff", subscription, 512, 1, 600)
        for clock in range(4):
            guest.ok("clock_time_get", clock, 0, 608)
