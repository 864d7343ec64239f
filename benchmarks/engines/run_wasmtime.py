"""Runs a WASI program in wasmtime; the last line on standard error is the time of its `_start`, the one before that
what it took of the processor's, in seconds.

A folder behind the program is given to it as `/`.
"""

from __future__ import annotations

import sys
import time

import wasmtime


def main(path: str, folder: str | None = None) -> None:
    """Compile the whole module for speed, then time the call of `_start`."""
    config = wasmtime.Config()
    config.cranelift_opt_level = "speed"
    engine = wasmtime.Engine(config)
    module = wasmtime.Module.from_file(engine, path)
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    store = wasmtime.Store(engine)
    wasi = wasmtime.WasiConfig()
    wasi.inherit_stdout()
    wasi.inherit_stderr()
    if folder is not None:
        wasi.preopen_dir(folder, "/")
    store.set_wasi(wasi)
    start = linker.instantiate(store, module).exports(store)["_start"]
    assert isinstance(start, wasmtime.Func)
    began, worked = time.perf_counter(), time.process_time()
    try:
        start(store)
    except wasmtime.ExitTrap as exit_trap:
        if exit_trap.code != 0:
            raise
    seconds, worked = time.perf_counter() - began, time.process_time() - worked
    print(f"{worked:.6f}\n{seconds:.6f}", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
