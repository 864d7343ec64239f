"""Running programs from coroutines."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from jormun.api.config import Config
from jormun.api.run import Argument, CompletedProcess, run
from jormun.hints import TYPE_CHECKING
from jormun.runtime.interruption import Interruption, running_under
from jormun.runtime.limits import Limits
from jormun.wasi.run import Directories
from jormun.wasi.streams import Input, Output

if TYPE_CHECKING:
    import socket


async def run_async(
    args: Sequence[Argument],
    *,
    stdin: Input = None,
    input: str | bytes | None = None,
    stdout: Output = None,
    stderr: Output = None,
    capture_output: bool = False,
    text: bool = False,
    check: bool = False,
    timeout: float | None = None,
    dirs: Directories | None = None,
    env: Mapping[str, str] | None = None,
    sockets: Sequence[socket.socket] = (),
    deterministic: bool = False,
    memory_limit: int | str | None = None,
    fuel: int | None = None,
    cpu_timeout: float | None = None,
    output_limit: int | str | None = None,
    limits: Limits | None = None,
    config: Config | None = None,
) -> CompletedProcess:
    r"""Run a WASI program to its end, as `run` does, while the event loop runs on.

    The program runs in a thread of its own, and so do functions that were given as its streams: those that touch the
    event loop use `loop.call_soon_threadsafe`. Arguments, result and exceptions are those of `run`. To cancel the task
    ends the program, whether it computes, sleeps, reads or waits, and `asyncio.timeout` does.

    >>> import asyncio, jormun, pathlib, tempfile
    >>> async def main(program):
    ...     async with asyncio.timeout(0.1):
    ...         await jormun.run_async([program])
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     spin = pathlib.Path(directory, "spin.wat")
    ...     _ = spin.write_text('(module (func (export "_start") (loop (br 0))))')
    ...     asyncio.run(main(spin))
    Traceback (most recent call last):
    ...
    TimeoutError
    """
    return await _in_thread(
        partial(
            run,
            args,
            stdin=stdin,
            input=input,
            stdout=stdout,
            stderr=stderr,
            capture_output=capture_output,
            text=text,
            check=check,
            timeout=timeout,
            dirs=dirs,
            env=env,
            sockets=sockets,
            deterministic=deterministic,
            memory_limit=memory_limit,
            fuel=fuel,
            cpu_timeout=cpu_timeout,
            output_limit=output_limit,
            limits=limits,
            config=config,
        )
    )


async def _in_thread(work: Callable[[], CompletedProcess]) -> CompletedProcess:
    """What the work returns or raises in a thread of its own. When the task is cancelled, its guests are stopped, and
    its end is waited for.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[CompletedProcess] = loop.create_future()
    interruption = Interruption()

    def run_it() -> None:
        try:
            with running_under(interruption):
                outcome = work()
        except BaseException as error:
            _tell(loop, partial(_fail, done, error))
        else:
            _tell(loop, partial(_succeed, done, outcome))
        finally:
            interruption.close()

    threading.Thread(target=run_it, name="guest", daemon=True).start()
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        if not done.done():
            interruption.interrupt()
            await asyncio.wait([done])
            done.exception()  # that of the end, which the cancellation stands for
        raise


def _tell(loop: asyncio.AbstractEventLoop, what: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(what)
    except RuntimeError:
        pass  # the loop is closed: nobody waits any more


def _succeed(done: asyncio.Future[CompletedProcess], outcome: CompletedProcess) -> None:
    if not done.done():
        done.set_result(outcome)


def _fail(done: asyncio.Future[CompletedProcess], error: BaseException) -> None:
    if done.done():
        return
    if isinstance(error, StopIteration):  # which no future takes
        wrapped = RuntimeError("a function of the host raised StopIteration")
        wrapped.__cause__ = error
        error = wrapped
    done.set_exception(error)
