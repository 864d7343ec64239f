"""Entries on disk: found again, bounded, and never believed when anything about them is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jormun.cache import cache as cache_module
from jormun.cache.cache import Cache
from jormun.cache.entry import Entry
from jormun.runtime.engine import LoopHead
from jormun.runtime.image import CodeFunction, CodeImage
from jormun.runtime.tiering.learned import Learned
from jormun.sealed import seal, sealed

KEY = bytes(range(32))
CODE = bytes.fromhex("b82a000000c3")


def _entry(code: bytes = CODE, index: int = 7, plain: object = ("some", 1)) -> Entry:
    return Entry(plain, CodeImage(code, (CodeFunction("f", index, 0, len(code)),), "x86_64"))


def _is(found: Entry | None, expected: Entry) -> bool:
    return found is not None and (found.plain, bytes(found.image.code), found.image.functions) == (
        expected.plain,
        bytes(expected.image.code),
        expected.image.functions,
    )


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """A cache of the test's own."""
    return Cache(str(tmp_path), 1 << 20)


def test_what_was_saved_is_found(cache: Cache, tmp_path: Path) -> None:
    """By this process and by others; by its key alone; and the file is for its user alone."""
    assert cache.find(KEY) is None
    cache.save(KEY, _entry())
    assert _is(cache.find(KEY), _entry()) and _is(Cache(str(tmp_path), 1 << 20).find(KEY), _entry())
    assert cache.find(bytes(32)) is None
    assert Path(cache.path(KEY)).stat().st_mode & 0o777 == 0o600
    assert [file.path for file in cache.files()] == [cache.path(KEY)]


def test_every_byte_counts(cache: Cache) -> None:
    """With any byte of the file altered, the entry is not there, and the file is removed."""
    cache.save(KEY, _entry())
    path = Path(cache.path(KEY))
    data = path.read_bytes()
    for k in range(len(data)):
        altered = bytearray(data)
        altered[k] ^= 1 << k % 8
        path.write_bytes(altered)
        path.chmod(0o600)
        assert cache.find(KEY) is None, k
        assert not path.exists()
    path.write_bytes(data)
    path.chmod(0o600)
    assert _is(cache.find(KEY), _entry())


def test_every_length_counts(cache: Cache) -> None:
    """Cut off anywhere, or with something behind it, an entry is not there."""
    cache.save(KEY, _entry())
    path = Path(cache.path(KEY))
    data = path.read_bytes()
    for cut in (*(data[:k] for k in range(len(data))), data + b"\0", data * 2):
        path.write_bytes(cut)
        path.chmod(0o600)
        assert cache.find(KEY) is None, len(cut)


def test_another_machine(cache: Cache) -> None:
    """An intact entry for another architecture, or of another key, is not used."""
    path = Path(cache.path(KEY))
    path.parent.mkdir()
    for other in (seal(_entry().encode(), KEY, "aarch64"), seal(_entry().encode(), bytes(32), "x86_64")):
        path.write_bytes(other)
        path.chmod(0o600)
        assert cache.find(KEY) is None


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write(cache: Cache, mode: int) -> None:
    """Code that another user could have put there is not run."""
    cache.save(KEY, _entry())
    Path(cache.path(KEY)).chmod(mode)
    assert cache.find(KEY) is None


def test_a_link_is_not_followed(cache: Cache, tmp_path: Path) -> None:
    """An entry is a file of the cache's own."""
    cache.save(KEY, _entry())
    path = Path(cache.path(KEY))
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert cache.find(KEY) is None


def test_what_is_no_file(cache: Cache, capfd: pytest.CaptureFixture[str]) -> None:
    """A pipe does not make the search wait, a folder in the place of an entry is no error; saving warns once."""
    path = Path(cache.path(KEY))
    path.parent.mkdir()
    os.mkfifo(path, 0o600)
    assert cache.find(KEY) is None
    path.mkdir()
    assert cache.find(KEY) is None
    cache.save(KEY, _entry())
    cache.save(KEY, _entry())
    assert capfd.readouterr().err.count("\n") == 1
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_the_folder_is_a_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing is found or saved, and one line says why."""
    (tmp_path / "file").write_text("")
    cache = Cache(str(tmp_path / "file"), 1 << 20)
    assert cache.find(KEY) is None
    cache.save(KEY, _entry())
    assert cache.find(KEY) is None
    error = capfd.readouterr().err
    assert error == f"jormun: warning: the code cache cannot be used: {tmp_path}/file/code: Not a directory\n"


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    """A cache that is full drops what was not used for the longest time, and stays within its bound."""
    size_bytes = sum(map(len, sealed(_entry(bytes(1000)).pieces(), KEY, "x86_64")))
    cache = Cache(str(tmp_path), 3 * size_bytes)
    keys = [bytes([k]) * 32 for k in range(4)]
    for age, key in enumerate(keys[:3]):
        cache.save(key, _entry(bytes(1000)))
        os.utime(cache.path(key), (1000 + age, 1000 + age))
    assert cache.find(keys[0]) is not None  # used now
    cache.save(keys[3], _entry(bytes(1000)))
    assert [cache.find(key) is not None for key in keys] == [True, False, True, True]
    assert sum(file.size_bytes for file in cache.files()) <= cache.size_bytes


def test_what_is_larger_than_the_cache_is_not_kept(tmp_path: Path) -> None:
    """And drops nothing."""
    cache = Cache(str(tmp_path), 2000)
    cache.save(KEY, _entry())
    cache.save(bytes(32), _entry(bytes(5000)))
    assert len(cache.files()) == 1


def test_a_cache_of_no_size_keeps_nothing(tmp_path: Path) -> None:
    """It does not even look."""
    Cache(str(tmp_path), 1 << 20).save(KEY, _entry())
    assert Cache(str(tmp_path), 0).find(KEY) is None
    Cache(str(tmp_path / "other"), 0).save(KEY, _entry())
    assert not (tmp_path / "other").exists()


def test_left_overs_go(cache: Cache) -> None:
    """What a killed process was writing is removed in time, by the next save or by `clear`."""
    cache.save(KEY, _entry())
    old, new = (Path(cache.folder, f".x.{k}.part") for k in "12")
    for each in (old, new):
        each.write_text("half")
    os.utime(old, (1000, 1000))
    cache.save(bytes(32), _entry())
    assert not old.exists() and new.exists()
    assert cache.clear() == 2
    assert list(Path(cache.folder).iterdir()) == []


def test_size_from_the_environment(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Bytes or a unit; what is neither is said once, and the default holds."""
    for text, size_bytes in (("123", 123), ("64MiB", 64 << 20), ("", 1 << 30), ("lots", 1 << 30)):
        monkeypatch.setenv("JORMUN_CACHE_SIZE", text)
        assert Cache().size_bytes == size_bytes
    assert capfd.readouterr().err.startswith("jormun: warning: JORMUN_CACHE_SIZE: 'lots' is no size")


def test_new_code_is_added() -> None:
    """An entry takes images that have what it does not, and is the same one when there is none."""
    entry = _entry(index=7)
    assert entry.with_code([_entry(index=7).image]) is entry
    more = entry.with_code([_entry(index=7).image, _entry(b"\xc3", 9).image])
    assert [(f.kind, f.index) for f in more.image.functions] == [("f", 7), ("f", 9)]


def test_what_was_learned_is_added(cache: Cache) -> None:
    """It is found again, new code keeps it, and an entry that knows all of it is the same one."""
    learned = Learned((7, 9), (LoopHead(7, 3),), (8,))
    entry = _entry(index=7).with_learned(learned)
    cache.save(KEY, entry)
    found = cache.find(KEY)
    assert found is not None and found.learned == learned
    assert found.with_learned(Learned((9,))) is found
    assert found.with_code([_entry(b"\xc3", 9).image]).learned == learned


WRITER = """
import sys
from jormun.cache.cache import Cache
from jormun.cache.entry import Entry
from jormun.runtime.image import CodeFunction, CodeImage
cache = Cache(sys.argv[1], 1 << 20)
for k in range(60):
    code = bytes([k]) * (100 + 977 * k)
    cache.save(bytes(range(32)), Entry(k, CodeImage(code, (CodeFunction("f", k, 0, len(code)),), "x86_64")))
    found = cache.find(bytes(range(32)))
    assert found is not None and bytes(found.image.code) == bytes([found.plain]) * (100 + 977 * found.plain)
"""


def test_many_write_at_once(tmp_path: Path) -> None:
    """Processes that save and read the same entry see one of those that were saved, whole, at all times."""
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, tmp_path]) for _ in range(4)]
    assert [writer.wait() for writer in writers] == [0, 0, 0, 0]
    assert len(list((tmp_path / "code").iterdir())) == 1


def test_a_limit_on_files(tmp_path: Path) -> None:
    """Where files may not become large enough, one warning says so, nothing is left, and no signal ends the process."""
    script = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
from jormun.cache.cache import Cache
from jormun.cache.entry import Entry
from jormun.runtime.image import CodeImage
cache = Cache({str(tmp_path)!r}, 1 << 20)
for _ in range(3):
    cache.save(bytes(32), Entry(1, CodeImage(bytes(1000), (), "x86_64")))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert done.stderr.endswith("/code: File too large\n")
    assert not (tmp_path / "code").exists()


def test_a_full_disk(cache: Cache, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """A write that fails in the middle leaves what was there, and nothing beside it."""
    cache.save(KEY, _entry())
    real = os.write

    def write(fd: int, data: memoryview) -> int:
        if len(data) < 50:
            raise OSError(28, "No space left on device")
        return real(fd, data[: len(data) // 2])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        cache.save(KEY, _entry(b"\xc3"))
    assert "No space left on device" in capfd.readouterr().err
    assert list(Path(cache.folder).iterdir()) == [Path(cache.path(KEY))]
    assert _is(Cache(str(Path(cache.folder).parent), 1 << 20).find(KEY), _entry())


def test_the_folder_is_where_platformdirs_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under Linux its rule is applied without it."""
    from platformdirs import user_cache_dir

    from jormun.folder import cache_folder

    monkeypatch.delenv("JORMUN_CACHE_DIR")
    for base in ("", " ", "/some/where", None):
        if base is None:
            monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        else:
            monkeypatch.setenv("XDG_CACHE_HOME", base)
        assert cache_folder() == user_cache_dir("jormun", False)
    monkeypatch.setenv("JORMUN_CACHE_DIR", "/else/where")
    assert cache_folder() == "/else/where"
    assert cache_module.Cache(size_bytes=1).folder == "/else/where/code"
