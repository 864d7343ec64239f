"""The part of the build that depends on the machine: extension modules, where there is a C compiler.

Modules whose docstring says that they are to be compiled by mypyc become extension modules when a wheel is built.
Without a C compiler, or when mypyc fails, the same files are installed as they are, and run slower. JORMUN_MYPYC=0
leaves it at that, JORMUN_MYPYC=1 fails instead. An editable install is always of plain files. `jormun --version` says
what it is.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import BaseError, CompileError, LinkError

MARK = "compiled by mypyc"
SOURCE = Path("src/jormun")
TEXT_WRITERS = ("llvm/", "optimizing/", "baseline/stencil_build/")
"""Folders that make one shared library; the others make another, which a C compiler builds at the same time."""
CHOICE = os.environ.get("JORMUN_MYPYC", "")
BUILDS = {"bdist_wheel", "build", "build_ext", "install"}
"""The commands for which modules are compiled; others only ask for the project's metadata."""
OUTPUT = Path("build/mypyc")
FAILURES = (BaseError, CompileError, LinkError, OSError)
"""What a compiler that is not there, or fails, makes setuptools raise."""


def marked_modules() -> list[Path]:
    """The modules that say that they are to be compiled."""
    return [path for path in sorted(SOURCE.rglob("*.py")) if MARK in words_of(ast.parse(path.read_bytes()))]


def words_of(module: ast.Module) -> str:
    """A module's docstring on one line."""
    return " ".join((ast.get_docstring(module) or "").split())


def has_compiler() -> bool:
    """Whether there is a C compiler that finds Python's headers."""
    from distutils.ccompiler import new_compiler  # which setuptools brings
    from distutils.sysconfig import customize_compiler, get_python_inc

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.c")
        source.write_text("#include <Python.h>\n")
        try:
            compiler = new_compiler()
            customize_compiler(compiler)
            compiler.compile([str(source)], output_dir=folder, include_dirs=[get_python_inc()])
        except FAILURES:
            return False
    return True


def extensions() -> list[Extension]:
    """What mypyc makes of the modules. Raises SystemExit when it cannot take one."""
    from mypyc.build import mypycify

    paths = marked_modules()
    writers = [path for path in paths if path.relative_to(SOURCE).as_posix().startswith(TEXT_WRITERS)]
    readers = [path for path in paths if path not in writers]
    OUTPUT.mkdir(parents=True, exist_ok=True)
    options = ["--config-file=", "--ignore-missing-imports", f"--cache-dir={OUTPUT / 'cache'}"]
    options.append("--always-true=IS_COMPILED")  # which modules that are written both ways ask
    made: list[Extension] = mypycify(
        [*options, *map(str, paths)],
        opt_level="2",
        debug_level="0",
        separate=[(list(map(str, readers)), "jormun.readers"), (list(map(str, writers)), "jormun.writers")],
        target_dir=str(OUTPUT),
    )
    return made


def chosen_extensions() -> list[Extension]:
    """The extension modules to build: none where they are not wanted, or cannot be had."""
    if CHOICE == "0" or not BUILDS & set(sys.argv):
        return []
    if CHOICE != "1" and not has_compiler():
        print("jormun: there is no C compiler; the modules are installed as they are")
        return []
    try:
        return extensions()
    except (Exception, SystemExit) as error:
        if CHOICE == "1":
            raise
        print(f"jormun: mypyc failed ({error}); the modules are installed as they are")
        return []


class BuildExtensions(build_ext):
    """Builds extension modules two at a time, and, unless they were asked for, goes on without when one fails."""

    def finalize_options(self) -> None:
        """Compile on two cores: there are two shared libraries, and what is beside them is small."""
        super().finalize_options()
        self.parallel = self.parallel or 2

    def run(self) -> None:
        """Build all of them, or none."""
        try:
            super().run()
        except FAILURES as error:
            if CHOICE == "1":
                raise
            print(f"jormun: the C compiler failed ({error}); the modules are installed as they are")
            for extension in self.extensions:
                Path(self.get_ext_fullpath(extension.name)).unlink(missing_ok=True)
            self.extensions = []


class BuildModules(build_py):
    """Copies the modules, and makes what LLVM makes of them ahead of time: the glue and the stencils."""

    def run(self) -> None:
        """Copy the modules to `self.build_lib`, and put what is prebuilt beside them, or first uses are slow."""
        super().run()
        if self.editable_mode or not BUILDS & set(sys.argv):
            return
        path = os.pathsep.join([str(SOURCE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
        command = [sys.executable, "-m", "jormun.prebuilt", str(Path(self.build_lib, "jormun", "prebuilt"))]
        if subprocess.run(command, env=os.environ | {"PYTHONPATH": path}).returncode:
            print("jormun: nothing was prebuilt; it is built when it is first used")


setup(ext_modules=chosen_extensions(), cmdclass={"build_ext": BuildExtensions, "build_py": BuildModules})
