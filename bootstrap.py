"""Sets Jormun up on a machine that has Python and pip, and nothing else, then runs or tests it.

    python3 bootstrap.py demo     install Jormun into .venv and run a real program from examples/
    python3 bootstrap.py test     install Jormun and its tools into .venv and run every check
    python3 bootstrap.py docs     install Jormun into .venv and write its reference documentation to reference/

Nothing outside of this folder is touched: a system Python that refuses global installs is never asked for one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


COMPILED_CHAPTERS = ("validation", "syntax", "binary", "baseline", "optimizing", "llvm", "spec")
"""The folders of tests that are about what mypyc compiles, and run a second time without it."""

DOCUMENTED = ("jormun", "jormun.hook", "jormun.types")
"""The modules that are for users; `jormun` has what its __all__ names."""


def run(*command: str | Path, **variables: str) -> None:
    """Run a command in the project's folder, with more variables in its environment; its failure is ours."""
    words = [str(word) for word in command]
    print("$", *(f"{name}={value}" for name, value in variables.items()), *words, flush=True)
    status = subprocess.run(words, cwd=ROOT, env=os.environ | variables).returncode
    if status != 0:
        sys.exit(status)


def is_made() -> bool:
    """Whether .venv is there, works, and has this version of Python."""
    ask = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    return PYTHON.exists() and subprocess.run([PYTHON, "-c", ask], capture_output=True).returncode == 0


def make_environment() -> None:
    """Make .venv. Some systems ship a venv module without ensurepip; pip then works on it from outside."""
    if is_made():
        return
    print("$", sys.executable, "-m", "venv", "--clear", ENVIRONMENT, flush=True)
    if find_spec("ensurepip") is not None:
        try:
            venv.create(ENVIRONMENT, with_pip=True, clear=True)
            return
        except (subprocess.CalledProcessError, ImportError, SystemExit):  # Debian's venv exits
            pass
    venv.create(ENVIRONMENT, with_pip=False, clear=True)


def install(requirement: str) -> None:
    """Install Jormun, with what `requirement` adds to it, into .venv."""
    make_environment()
    shutil.rmtree(ROOT / "build", ignore_errors=True)  # what an earlier build left there would be installed too
    if has_pip(PYTHON):
        pip = [PYTHON, "-m", "pip"]
    elif has_pip(sys.executable):
        pip = [sys.executable, "-m", "pip", "--python", PYTHON]
    else:
        sys.exit(f"{sys.executable} has no pip, which installs Jormun; your system's package manager has it")
    run(*pip, "install", "--quiet", "--disable-pip-version-check", requirement)
    run(PYTHON, "-m", "jormun", "--version")  # says whether parts of it were compiled, as they are with a C compiler


def has_pip(python: str | Path) -> bool:
    """Whether a Python has pip."""
    return subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode == 0


def is_compiled() -> bool:
    """Whether what is installed has compiled modules."""
    command = [PYTHON, "-m", "jormun", "--version"]
    return "(compiled)" in subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout


def workers() -> int:
    """How many processes test at a time: one for each core that we may use, but each wants half a gigabyte."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, 8)


def demo() -> None:
    """Install, then run a program."""
    install(".")
    run(PYTHON, "-m", "jormun", "run", "examples/hello.wasm", "from", "a", "sandbox")


def test() -> None:
    """Install, then run every check: format, lint, types, tests; those of compiled modules with the plain ones too."""
    install(".[test]")
    run(PYTHON, "-m", "ruff", "format", "--check", ".")
    run(PYTHON, "-m", "ruff", "check", ".")
    run(PYTHON, "-m", "mypy")
    pytest = [PYTHON, "-m", "pytest", "-n", str(workers()), "--dist", "worksteal", *sys.argv[2:]]
    run(*pytest)
    if is_compiled():
        chapters = [f"tests/{chapter}" for chapter in COMPILED_CHAPTERS]
        run(*pytest, "tests/test_build.py", *chapters, PYTHONPATH="src", JORMUN_TESTED_BUILD="plain")


def docs() -> None:
    """Install, then make pages of the docstrings."""
    install(".[docs]")
    run(PYTHON, "-m", "pdoc", "--output-directory", "reference", *DOCUMENTED)


def main() -> None:
    """Do what the command line says."""
    if sys.version_info < (3, 11):  # noqa: UP036, this file is what an older Python may be asked to run
        sys.exit(f"Jormun needs Python 3.11 or later; this is {sys.version.split()[0]}")
    commands = {"demo": demo, "test": test, "docs": docs}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        print(__doc__)
        sys.exit(0 if "--help" in sys.argv else 2)
    commands[sys.argv[1]]()


if __name__ == "__main__":
    main()
