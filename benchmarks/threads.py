"""Measures guests in threads of one process: two that compute are to do 1.9 times as much as one in the same time.

    python benchmarks/threads.py [--rounds N] [--count N]

Each engine runs one guest, in a thread, and then two, in a thread each, in turn. Columns: seconds of one, seconds of
two at once, and how much more two do in a second; medians. The last row is two processes of Jormun's: what the machine
gives today, however busy it is.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable

GUEST = """(module
  (func (export "run") (param $n i64) (result i64) (local $s i64)
    (loop $l
      (local.set $s (i64.xor (i64.mul (local.get $s) (i64.const 31)) (i64.rotl (local.get $n) (local.get $s))))
      (br_if $l (i32.eqz (i64.eqz (local.tee $n (i64.sub (local.get $n) (i64.const 1)))))))
    (local.get $s)))"""
Run = Callable[[int], object]


def jormun_guests(tier: str) -> list[Run]:
    """Two instances."""
    import jormun

    module = jormun.Module(GUEST, config=jormun.Config(tier=tier, cache=False))  # type: ignore[arg-type]
    module.compile()
    return [jormun.Instance(module).exports.run for _ in range(2)]


def wasmtime_guests() -> list[Run]:
    """Two instances, each in a store of its own."""
    import wasmtime

    engine = wasmtime.Engine()
    module = wasmtime.Module(engine, GUEST)

    def make() -> Run:
        store = wasmtime.Store(engine)
        run = wasmtime.Instance(store, module, []).exports(store)["run"]
        assert isinstance(run, wasmtime.Func)
        return lambda n: run(store, n)

    return [make(), make()]


def processes() -> list[Run]:
    """Two processes, which wait for a number on their standard input."""
    script = (
        f"import jormun\nrun = jormun.load({GUEST!r}, config=jormun.Config(tier='optimizing')).exports.run\nrun(1)\n"
    )
    script += "import sys\nfor line in sys.stdin:\n    run(int(line))\n    print(flush=True)\n"

    def make() -> Run:
        process = subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdin is not None and process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def run(n: int) -> None:
            print(n, file=stdin, flush=True)
            stdout.readline()

        run(1)
        return run

    return [make(), make()]


def measure(runs: list[Run], count: int) -> float:
    """Seconds until all have ended, in a thread each."""
    threads = [threading.Thread(target=run, args=(count,)) for run in runs]
    before = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - before


def main() -> int:
    """Run everything in turn, print one table."""
    parser = argparse.ArgumentParser(description="Compare one guest and two at once.")
    parser.add_argument(
        "--count", type=int, default=200_000_000, help="rounds of a guest's loop (default: 200,000,000)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each, in turn (default: 5)")
    options = parser.parse_args()
    guests = {"jormun": jormun_guests("optimizing"), "jormun, baseline": jormun_guests("baseline")}
    if importlib.util.find_spec("wasmtime") is not None:
        guests["wasmtime"] = wasmtime_guests()
    guests["two processes"] = processes()
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in guests}
    for runs in guests.values():
        measure(runs, 1000)
    for _ in range(options.rounds):
        for name, runs in guests.items():
            times[name].append((measure(runs[:1], options.count), measure(runs, options.count)))
    print(f"{'':18}{'one, s':>9}{'two, s':>9}{'gain':>7}")
    for name, pairs in times.items():
        one, two = (statistics.median(pair[k] for pair in pairs) for k in range(2))
        print(f"{name:18}{one:9.3f}{two:9.3f}{2 * one / two:7.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
