"""Sets Jormun up on a machine that has Python and pip, and nothing else, then runs or tests it.

    python3 bootstrap.py demo     install Jormun into .venv and run a real program from examples/
    python3 bootstrap.py test     install Jormun and its tools into .venv and run every check

Nothing outside of this folder is touched: a system Python that refuses global installs is never asked for one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def run(*command: str | Path) -> None:
    """Run a command in the project's folder, saying so; its failure is ours."""
    words = [str(word) for word in command]
    print("$", *words, flush=True)
    status = subprocess.run(words, cwd=ROOT).returncode
    if status != 0:
        sys.exit(status)


def make_environment() -> None:
    """Make .venv. Some systems ship a venv module without ensurepip; pip then works on it from outside."""
    if PYTHON.exists():
        return
    try:
        venv.create(ENVIRONMENT, with_pip=True)
    except (subprocess.CalledProcessError, ImportError):
        venv.create(ENVIRONMENT, with_pip=False, clear=True)


def install(requirement: str) -> None:
    """Install Jormun, with what `requirement` adds to it, into .venv."""
    make_environment()
    has_pip = subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True).returncode == 0
    pip = [PYTHON, "-m", "pip"] if has_pip else [sys.executable, "-m", "pip", "--python", PYTHON]
    run(*pip, "install", "--quiet", "--disable-pip-version-check", requirement)


def demo() -> None:
    """Install, then run a program."""
    install(".")
    run(PYTHON, "-m", "jormun", "run", "examples/hello.wasm", "from", "a", "sandbox")


def test() -> None:
    """Install, then run every check: format, lint, types, tests."""
    install(".[test]")
    run(PYTHON, "-m", "ruff", "format", "--check", ".")
    run(PYTHON, "-m", "ruff", "check", ".")
    run(PYTHON, "-m", "mypy")
    run(PYTHON, "-m", "pytest", "-n", str(os.cpu_count() or 1), *sys.argv[2:])


def main() -> None:
    """Do what the command line says."""
    if sys.version_info < (3, 11):  # noqa: UP036, this file is what an older Python may be asked to run
        sys.exit(f"Jormun needs Python 3.11 or later; this is {sys.version.split()[0]}")
    commands = {"demo": demo, "test": test}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        print(__doc__)
        sys.exit(0 if "--help" in sys.argv else 2)
    commands[sys.argv[1]]()


if __name__ == "__main__":
    main()
