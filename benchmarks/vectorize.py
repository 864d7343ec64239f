"""Compares `jormun.vectorize` with numba's `@vectorize` on the same functions and arrays.

    python benchmarks/vectorize.py [--only NAME,...] [--rounds N]

The two take turns in one process (A B A B ...), must give the same bits, and each time is the least CPU time of its
calls. It needs `pip install numba numpy`. A polynomial and a branchy function over 10 million elements should take 1.1
times as long as numba's at most.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import int32

import jormun

ELEMENTS = 10_000_000
SHORT_CALLS = 5_000
"""How often short arrays are computed for one measurement."""
MODULE = """(module
  (func (export "polynomial") (param $x f64) (result f64)
    (f64.const 0.5) (f64.mul (local.get $x)) (f64.add (f64.const -1.25))
    (f64.mul (local.get $x)) (f64.add (f64.const 2.5))
    (f64.mul (local.get $x)) (f64.add (f64.const -3.75))
    (f64.mul (local.get $x)) (f64.add (f64.const 7)))
  (func (export "branchy") (param $x f64) (param $y f64) (result f64)
    (if (result f64) (f64.lt (local.get $x) (f64.const 0))
      (then (f64.sub (f64.neg (local.get $x)) (local.get $y)))
      (else (if (result f64) (f64.gt (local.get $x) (f64.const 1))
        (then (f64.mul (local.get $x) (local.get $y)))
        (else (f64.add (local.get $x) (f64.mul (local.get $y) (f64.const 2))))))))
  (func (export "halve_or_triple") (param $x i32) (result i32)
    (if (result i32) (i32.and (local.get $x) (i32.const 1))
      (then (i32.add (i32.mul (local.get $x) (i32.const 3)) (i32.const 1)))
      (else (i32.shr_s (local.get $x) (i32.const 1)))))
  (func (export "collatz") (param $x i32) (result i32) (local $n i32)
    (block $out (loop $again
      (br_if $out (i32.le_s (local.get $x) (i32.const 1)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (if (i32.and (local.get $x) (i32.const 1))
        (then (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 3)) (i32.const 1))))
        (else (local.set $x (i32.shr_s (local.get $x) (i32.const 1)))))
      (br $again)))
    (local.get $n)))"""


def polynomial(x: Any) -> Any:
    """By Horner's rule."""
    return (((0.5 * x - 1.25) * x + 2.5) * x - 3.75) * x + 7.0


def branchy(x: Any, y: Any) -> Any:
    """Three cases, none of which may go before its question."""
    if x < 0:
        return -x - y
    if x > 1:
        return x * y
    return x + y * 2


def halve_or_triple(x: Any) -> Any:
    """A step of Collatz's."""
    if x & 1:
        return x * int32(3) + int32(1)
    return x >> 1


def collatz(x: Any) -> Any:
    """How many steps lead to 1."""
    n = int32(0)
    while x > 1:
        n += int32(1)
        if x & 1:
            x = x * int32(3) + int32(1)
        else:
            x = x >> 1
    return n


def cases() -> dict[str, tuple[Callable[..., Any], str, tuple[Any, ...]]]:
    """What is compared, by name: a function, its type for numba, the arguments."""
    random = np.random.default_rng(1)
    x, y = random.normal(size=ELEMENTS), random.normal(size=ELEMENTS)
    i = random.integers(1, 1000, ELEMENTS, dtype=np.int32)
    one, two, integer = "float64(float64)", "float64(float64,float64)", "int32(int32)"
    return {
        "polynomial": (polynomial, one, (x,)),
        "branchy": (branchy, two, (x, y)),
        "branchy, a number": (branchy, two, (x, 1.5)),
        "branchy, every second": (branchy, two, (x[::2], y[::2])),
        "branchy, rows of 3": (branchy, two, (x[:400_000].reshape(-1, 4)[:, :3], y[:3])),
        "branchy, 100 elements": (branchy, two, (x[:100], y[:100])),
        "halve_or_triple": (halve_or_triple, integer, (i,)),
        "collatz": (collatz, integer, (i[: ELEMENTS // 10],)),
    }


def measure(function: Any, arguments: tuple[Any, ...], out: Any, calls: int) -> float:
    """Seconds of CPU time of a call."""
    start = time.process_time()
    for _ in range(calls):
        function(*arguments, out=out)
    return (time.process_time() - start) / calls


def main() -> None:
    """Print a line a case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="names of cases, or how they begin")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    exports = jormun.load(MODULE).exports
    print(f"{'ms':26}{'numba':>10}{'jormun':>10}{'ratio':>8}{'made in':>10}")
    for name, (function, type_text, operands) in cases().items():
        if not name.startswith(tuple(arguments.only.split(","))):
            continue
        rival = numba.vectorize([type_text])(function)
        start = time.process_time()
        ours = jormun.vectorize(exports[function.__name__])
        made_s = time.process_time() - start
        out = rival(*operands)  # one for both: where 80 MB lie in memory makes a difference of 10 %
        if out.tobytes() != ours(*operands).tobytes():
            sys.exit(f"{name}: the results differ")
        calls = SHORT_CALLS if out.size < 1000 else 1
        best = [float("inf")] * 2
        for _ in range(arguments.rounds):
            for k, ufunc in enumerate((rival, ours)):
                best[k] = min(best[k], measure(ufunc, operands, out, calls))
        numba_ms, jormun_ms = best[0] * 1e3, best[1] * 1e3
        print(f"{name:26}{numba_ms:10.4f}{jormun_ms:10.4f}{jormun_ms / numba_ms:8.2f}{made_s * 1e3:10.0f}", flush=True)


if __name__ == "__main__":
    main()
