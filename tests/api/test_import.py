"""`import jormun`: quick, complete, and typed."""

from __future__ import annotations

import subprocess
import sys

import jormun


def run_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_importing_loads_nothing_heavy() -> None:
    """Nothing but the version; the rest comes when it is used."""
    show = "print('\\n'.join(sys.modules))"
    before, after = (set(run_python(f"import sys; {code}{show}").split()) for code in ("", "import jormun; "))
    assert after - before <= {"jormun", "jormun.version", "__future__"}


def test_validating_needs_no_llvm() -> None:
    """A module is decoded, validated and described without the compiler."""
    code = "import sys, jormun; jormun.Module('(module)').imports; print('llvmlite' in sys.modules)"
    assert run_python(code).strip() == "False"


def test_all_names_are_there() -> None:
    """Each name in __all__, and no other."""
    assert {name for name in jormun.__all__ if not hasattr(jormun, name)} == set()
    assert set(jormun.__all__) <= set(dir(jormun))
    assert not hasattr(jormun, "nothing_of_this_name")


def test_errors_are_one_tree() -> None:
    """Each is a WasmError; a time that is up is Python's TimeoutError too."""
    for name in ("MalformedError", "InvalidError", "LinkError", "HostError", "Trap", "ExhaustionError"):
        assert issubclass(getattr(jormun, name), jormun.WasmError)
    assert issubclass(jormun.TimeoutError, TimeoutError)
