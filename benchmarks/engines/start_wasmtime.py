"""Runs a WASI program in wasmtime, from its cache if it has it: [--dir HOST::GUEST] FILE [ARG ...]."""

from __future__ import annotations

import sys

import wasmtime


def main(words: list[str]) -> int:
    """The program's exit status."""
    config = wasmtime.Config()
    config.cache = True
    engine = wasmtime.Engine(config)
    wasi = wasmtime.WasiConfig()
    if words[0] == "--dir":
        wasi.preopen_dir(*words[1].split("::"))
        words = words[2:]
    wasi.argv = words
    wasi.inherit_stdout()
    wasi.inherit_stderr()
    module = wasmtime.Module.from_file(engine, words[0])
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    store = wasmtime.Store(engine)
    store.set_wasi(wasi)
    start = linker.instantiate(store, module).exports(store)["_start"]
    assert isinstance(start, wasmtime.Func)
    try:
        start(store)
    except wasmtime.ExitTrap as end:
        return end.code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
