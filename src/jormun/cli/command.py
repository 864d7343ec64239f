"""The whole life of a process `jormun`: what it starts with, its command line, and how it ends."""

from __future__ import annotations

import _collections_abc
import gc
import os
import sys

from jormun.cli.signals import behave_natively
from jormun.functions import contextmanager
from jormun.hints import TYPE_CHECKING, Iterator, NoReturn

if TYPE_CHECKING:
    from jormun.cache.imports import Imports


def command() -> NoReturn:
    """Runs the process's command line, and ends it.

    Signals get the effect that they have on native programs, before all else is imported. The process ends without
    the tidying up that Python does, which takes a tenth of a short run, without freeing the code and the memory of a
    run, 20 us a function, and without waiting for code that is being optimized in the background. A profiler or
    debugger that watches gets the usual end.
    """
    behave_natively()
    # FAST: nothing of what a start makes is garbage that refers to itself; to look for some takes 1 to 4 % of it.
    gc.disable()
    _import_array()
    imports = _kept_imports(sys.argv[1:])
    if sys.argv[1:2] != ["run"]:  # which enables it itself, when the guest's turn comes
        gc.enable()
    with _taking_nothing_apart(sys.argv[1:]):
        from jormun.cli.main import main

        status = main()
        if imports is not None:
            imports.save()
        if _is_watched():
            sys.exit(status)
        if sys.stderr is not None:
            sys.stderr.flush()
        os._exit(status)


@contextmanager
def _taking_nothing_apart(words: list[str]) -> Iterator[None]:
    """What a run makes stays in the context; who leaves it, by an error or to be watched, has it taken apart."""
    if words[:1] != ["run"]:
        yield
        return
    from jormun.cli import run

    run.to_the_end = []
    try:
        yield
    finally:
        run.to_the_end = None


def _import_array() -> None:
    """Imports `array` without all of `collections`, which takes 2 ms.

    It imports collections.abc to register itself there; what that is made of, every Python has imported already.
    """
    names = ("collections", "collections.abc")
    if not any(name in sys.modules for name in names):
        sys.modules.update(dict.fromkeys(names, _collections_abc))
        import array  # noqa: F401

        for name in names:
            del sys.modules[name]


def _kept_imports(words: list[str]) -> Imports | None:
    """Has modules come from the cache where it pays: for `jormun run`, unless it is to use no cache."""
    if words[:1] != ["run"] or "--no-cache" in words or os.environ.get("JORMUN_CACHE_SIZE", "").strip() == "0":
        return None
    from jormun.cache.imports import Imports

    imports = Imports()
    imports.install()
    return imports


def _is_watched() -> bool:
    """Whether somebody wants to look at the process when the command is done: a profiler, a debugger, `python -i`."""
    if sys.gettrace() is not None or sys.getprofile() is not None or sys.flags.inspect:
        return True
    monitoring = getattr(sys, "monitoring", None)  # of Python 3.12
    return monitoring is not None and any(monitoring.get_tool(tool) is not None for tool in range(6))
