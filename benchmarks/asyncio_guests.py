"""Measures guests that wait for coroutines: many at once, each of which awaits a host function again and again.

    python benchmarks/asyncio_guests.py [--guests N] [--waits N] [--rounds N]

Rows: a coroutine of Python's that awaits as often; guests of Jormun's in one event loop; guests of wasmtime's, which
has no suspension in Python: a thread each, whose host function waits for the event loop. Columns: microseconds of the
processor for each wait, fastest round, and the memory that the process had at most in the end.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

GUEST = """(module
  (import "env" "step" (func $step (param i32) (result i32)))
  (func (export "run") (param $n i32) (result i32) (local $s i32)
    (loop $l
      (local.set $s (i32.add (local.get $s) (call $step (local.get $n))))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $s)))"""

Run = Callable[[int], Awaitable[int]]
"""Runs one guest, which waits so often."""


async def step(n: int) -> int:
    """Waits for a round of the event loop."""
    await asyncio.sleep(0)
    return n


async def coroutine(n: int) -> int:
    """What the guest does, in Python."""
    s = 0
    while n:
        s += await step(n)
        n -= 1
    return s


def jormun_guests(count: int) -> list[Run]:
    """Instances of one module."""
    import jormun

    module = jormun.Module(GUEST)
    module.compile()
    return [jormun.Instance(module, {"env": {"step": step}}).exports.run.call_async for _ in range(count)]


def wasmtime_guests(count: int) -> list[Run]:
    """Instances in threads."""
    import wasmtime

    engine = wasmtime.Engine()
    module = wasmtime.Module(engine, GUEST)
    pool = ThreadPoolExecutor(count)
    i32 = wasmtime.ValType.i32()

    def make() -> Run:
        store = wasmtime.Store(engine)
        loop: list[asyncio.AbstractEventLoop] = []

        def wait(n: int) -> int:
            return asyncio.run_coroutine_threadsafe(step(n), loop[0]).result()

        host = wasmtime.Func(store, wasmtime.FuncType([i32], [i32]), wait)
        run = wasmtime.Instance(store, module, [host]).exports(store)["run"]
        assert isinstance(run, wasmtime.Func)

        async def call(n: int) -> int:
            loop[:] = [asyncio.get_running_loop()]
            return int(await loop[0].run_in_executor(pool, run, store, n))

        return call

    return [make() for _ in range(count)]


async def measure(runs: list[Run], waits: int) -> float:
    """Seconds of the processor for all of them, at once."""
    before = time.process_time()
    results = await asyncio.gather(*(run(waits) for run in runs))
    assert set(results) == {waits * (waits + 1) // 2}
    return time.process_time() - before


def main() -> int:
    """Run everything in turn, print one table."""
    parser = argparse.ArgumentParser(description="Compare guests that wait for coroutines.")
    parser.add_argument("--guests", type=int, default=1000, help="at once (default: 1,000)")
    parser.add_argument("--waits", type=int, default=100, help="of each guest (default: 100)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each, in turn (default: 3)")
    options = parser.parse_args()
    makers: dict[str, Callable[[int], list[Run]]] = {
        "coroutines": lambda count: [coroutine] * count,
        "jormun": jormun_guests,
    }
    if importlib.util.find_spec("wasmtime") is not None:
        makers["wasmtime, threads"] = wasmtime_guests
    guests: dict[str, list[Run]] = {}
    memory: dict[str, int] = {}
    times: dict[str, list[float]] = {name: [] for name in makers}
    for name, make in makers.items():
        guests[name] = make(options.guests)
        times[name].append(asyncio.run(measure(guests[name], options.waits)))
        memory[name] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    for _ in range(options.rounds - 1):
        for name, runs in guests.items():
            times[name].append(asyncio.run(measure(runs, options.waits)))
    print(f"{options.guests:,} guests, each waits {options.waits:,} times; fastest of {options.rounds} rounds")
    print(f"{'':20}{'us a wait':>10}{'MiB':>8}")
    for name, seconds in times.items():
        print(f"{name:20}{min(seconds) / options.guests / options.waits * 1e6:10.2f}{memory[name]:8}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
