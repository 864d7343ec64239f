"""`jormun cache`: where compiled code is kept, how large it is, and `jormun cache clear`."""

from __future__ import annotations

from jormun.cli.output import write_line
from jormun.cli.subparsers import Subparsers, add_verb
from jormun.hints import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import argparse

_EXAMPLES: Final = """\
examples:
  jormun cache                                   where it is, how large, and what is in it
  jormun cache clear                             remove all of it; whatever is needed is made again
  JORMUN_CACHE_DIR=/tmp/code jormun run app.wasm keep code elsewhere
  JORMUN_CACHE_SIZE=64MiB jormun run app.wasm    keep no more than this; 0 keeps nothing
"""
_LISTED: Final = 20


def add_parser(verbs: Subparsers) -> None:
    """Adds the verb to the command line."""
    parser = add_verb(
        verbs,
        "cache",
        help="show or clear the cache of compiled code",
        description="Show where compiled code is kept between runs and how large it is, or remove it.",
        usage="jormun cache [clear]",
        examples=_EXAMPLES,
    )
    parser.add_argument("action", nargs="?", choices=("clear",), help="remove all of it")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from jormun.cache.cache import Cache

    cache = Cache()
    if arguments.action == "clear":
        count = cache.clear()
        write_line(f"removed {count} {'entry' if count == 1 else 'entries'}")
        return 0
    files = cache.files()
    total = sum(file.size_bytes for file in files)
    write_line(f"folder:  {cache.folder}")
    write_line(f"size:    {_size(total)} of at most {_size(cache.size_bytes)}")
    write_line(f"entries: {len(files)}")
    if files:
        import time

        for file in files[:_LISTED]:
            used = time.strftime("%Y-%m-%d %H:%M", time.localtime(file.used_s))
            write_line(f"  {file.path.rpartition('/')[2][:16]}  {_size(file.size_bytes):>10}  used {used}")
        if len(files) > _LISTED:
            write_line(f"  and {len(files) - _LISTED} more")
    return 0


def _size(size_bytes: int) -> str:
    """A size for people."""
    for unit, bytes_each in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size_bytes >= bytes_each:
            return f"{size_bytes / bytes_each:.1f} {unit}"
    return f"{size_bytes} bytes"
