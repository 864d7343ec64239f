"""Damages real files for a given time, gives them to each verb, and saves those that are not met with one clear line,
or that another validator sees otherwise.

python -m tests.hostile --minutes 10 --save failures FILE ...
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

import wasmtime

from jormun.binary.decode import decode
from jormun.errors import InvalidError, MalformedError
from jormun.validation.module import validate
from tests.hostile.commands import VERBS, complaint, run_apart
from tests.hostile.mutations import mutate, mutate_text


def main() -> int:
    """Returns 1 if something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1, help="how long to go on (default: 1)")
    parser.add_argument("--seed", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument("--timeout", type=float, default=60, help="seconds that a command may take (default: 60)")
    parser.add_argument(
        "--commands", type=float, default=0.05, help="of how many files commands are run (default: 0.05)"
    )
    parser.add_argument("--save", type=Path, default=Path("failures"), help="where failures go (default: failures)")
    parser.add_argument("files", nargs="+", type=Path, help="files to damage, binary or text")
    options = parser.parse_args()
    contents = [path.read_bytes() for path in options.files]
    binaries = [data for data in contents if data.startswith(b"\0asm")]
    oracle = make_oracle()
    seed, failures, valid = options.seed, 0, 0
    end = time.monotonic() + 60 * options.minutes
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "app.wasm"
        while time.monotonic() < end:
            rng = random.Random(seed)
            chosen = rng.choice(contents)
            data = mutate(rng, chosen, binaries) if chosen in binaries else mutate_text(rng, chosen)
            found = []
            if chosen in binaries:
                is_ours, message = verdict(data)
                is_theirs = accepts(oracle, data)
                valid += is_ours
                if is_ours != is_theirs:
                    found.append(f"ours {message or 'valid'}, oracle {'valid' if is_theirs else 'invalid'}")
            if rng.random() < options.commands:
                path.write_bytes(data)
                for verb in VERBS:
                    wrong = complaint(verb, run_apart(verb, path, options.timeout))
                    found += [] if wrong is None else [f"{' '.join(verb)} {wrong}"]
            if found:
                failures += 1
                options.save.mkdir(parents=True, exist_ok=True)
                (options.save / f"{seed}.wasm").write_bytes(data)
                print(f"seed {seed}: {'; '.join(found)}", flush=True)
            seed += 1
    print(f"{seed - options.seed} files, {valid} of them valid, {failures} failures")
    return 1 if failures else 0


def verdict(data: bytes) -> tuple[bool, str]:
    """Whether a module is valid, and what is wrong with it; exceptions of any other class pass through."""
    try:
        validate(decode(data))
    except (InvalidError, MalformedError) as error:
        return False, str(error)
    return True, ""


def make_oracle() -> wasmtime.Engine:
    """Wasmtime, with all that Jormun has."""
    config = wasmtime.Config()
    for feature in (
        "multi_memory", "memory64", "custom_page_sizes", "relaxed_simd", "wide_arithmetic", "tail_call", "threads",
        "function_references", "gc", "exceptions",
    ):  # fmt: skip
        setattr(config, f"wasm_{feature}", True)
    config.shared_memory = True
    return wasmtime.Engine(config)


def accepts(oracle: wasmtime.Engine, data: bytes) -> bool:
    """The oracle's verdict."""
    try:
        wasmtime.Module.validate(oracle, data)
    except wasmtime.WasmtimeError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
