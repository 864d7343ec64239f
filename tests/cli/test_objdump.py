"""`jormun objdump`: everything of a module is shown, also of one whose functions are broken."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jormun.binary.decode import decode
from jormun.binary.encode import encode
from jormun.cli.dump import Dump, section_lines
from jormun.cli.machine_code import machine_code
from jormun.errors import MalformedError
from jormun.syntax.expression import Expr
from jormun.syntax.function import Function
from jormun.syntax.module import Module
from jormun.text.module import parse_module
from tests.strategies import modules

ADD = bytes.fromhex(
    "0061736d01000000"
    "0107 01 60027f7f017f"  # one type: two i32, which give an i32
    "020b 01 03656e76 036c6f67 0000"  # the function env.log
    "0302 01 00"
    "0503 01 0001"
    "0707 01 03616464 0001"  # function 1 as add
    "0a0b 01 09 01017e 20002001 6a0b"
    "0b0c 01 00 4180080b 0568656c6c6f"
)

DUMPED = """
Sections:
      offset        size     entries  section
  0x0000000a           7           1  type
  0x00000013          11           1  import
  0x00000020           2           1  function
  0x00000024           3           1  memory
  0x00000029           7           1  export
  0x00000032          11           1  code
  0x0000003f          12           1  data

Types:
  (type (;0;) (func (param i32 i32) (result i32)))

Imports:
  func 0: "env" "log" (type 0) (param i32 i32) (result i32)

Functions:
  0x00000037         6 bytes  func 1 "add" (type 0) (param i32 i32) (result i32)

Memories:
  memory 0 1

Exports:
  "add": func 1

Data segments:
  0x00000040  data 0: 5 bytes, memory 0 at (i32.const 1024): "hello"
"""

DISASSEMBLED = """
0x00000037 func 1 "add": (type 0) (param i32 i32) (result i32)
                                       locals: 1 x i64
  0x00000037  20 00                      local.get 0
  0x00000039  20 01                      local.get 1
  0x0000003b  6a                         i32.add
  0x0000003c  0b                       end
"""


def test_a_module_is_shown() -> None:
    """Sections, types, imports, functions with their sizes, memories, exports and data, with offsets in the file."""
    assert "\n".join(Dump(decode(ADD), ADD).lines()) + "\n" == DUMPED


def test_a_function_is_disassembled() -> None:
    """Each instruction stands behind its offset in the file and its bytes."""
    dump = Dump(decode(ADD), ADD)
    assert "\n".join(dump.disassembly(1)) + "\n" == DISASSEMBLED


def test_machine_code_is_shown() -> None:
    """The instructions of this computer, and its labels, without what else assemblers are told."""
    lines = list(machine_code(decode(ADD))(1))
    assert lines[0] == "f1:"
    assert lines[-1].startswith("    ret")
    assert not any(line.lstrip().startswith((".text", ".globl", ".size")) for line in lines)


def test_what_cannot_be_compiled_has_no_machine_code() -> None:
    """Its line says why, and the other functions are shown."""
    values = "i64 " * 1000
    loops = "(loop (type $many)" * 3000 + ")" * 3000
    text = f"(type $many (func (param {values}) (result {values}))) (func (type $many) {loops})"
    module = parse_module(f"(module {text.replace(') (loop', ') ' + '(i64.const 0)' * 1000 + '(loop', 1)} (func))")
    lines_of = machine_code(module)
    assert list(lines_of(0)) == ["  not compiled: function 0: its calls and blocks move too many values"]
    assert next(lines_of(1)) == "f1:"


def test_functions_are_found_by_name_and_number() -> None:
    """A name, an export's name and a number find the functions that the module defines, not imports."""
    dump = Dump(decode(ADD), ADD)
    assert (dump.find("add"), dump.find("1"), dump.find("0"), dump.find("env.log")) == ([1], [1], [], [])


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (b"\x01\xff\x0b", "malformed: illegal opcode ff"),
        (b"\x01\x41\x80\x0b", "malformed: unexpected end"),
        (b"\x01\x02\x40\x0b", "malformed: unexpected end"),
        (b"\x01\x0b\x01\x0b", "malformed: code behind the end of the function"),
    ],
)
def test_broken_code_is_shown_up_to_the_error(code: bytes, message: str) -> None:
    """Instructions before the break are shown, and then what is wrong and where."""
    module = Module(functions=(Function(0, (), Expr(code)),))
    lines = list(Dump(module, encode(module)).disassembly(0))
    assert "nop" in lines[2]
    assert message in lines[-1]


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None, max_examples=50)
@given(modules(), st.data())
def test_any_module_is_shown(module: Module, data: st.DataObject) -> None:
    """What decodes is shown, however wrong its indices and its code are."""
    encoded = encode(module)
    at = data.draw(st.integers(8, len(encoded)))
    broken = encoded[:at] + data.draw(st.binary(max_size=2)) + encoded[at + 1 :]
    for binary in (encoded, broken):
        try:
            dump = Dump(decode(binary), binary)
        except MalformedError:
            continue
        assert all(map(str.isprintable, (line for line in dump.lines())))
        for index in dump.defined:
            assert all(map(str.isprintable, dump.disassembly(index)))


def test_sections_are_listed_up_to_a_break() -> None:
    """Of a file that is cut off, the sections before the cut are listed."""
    lines = section_lines(ADD[:20])
    assert [next(lines).split()[-1] for _ in range(3)] == ["Sections:", "section", "type"]
    with pytest.raises(MalformedError):
        next(lines)


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "jormun", "objdump", *arguments], capture_output=True, text=True, check=False
    )


def test_the_command_says_what_it_cannot_do(tmp_path: Path) -> None:
    """Exit status 1 and one line for a malformed module, whose sections are listed, and for a missing function."""
    good, cut, text = tmp_path / "good.wasm", tmp_path / "cut.wasm", tmp_path / "text.wat"
    good.write_bytes(ADD)
    cut.write_bytes(ADD[:40])
    text.write_text('(module (func (export "f") nop))')
    done = _run("--disassemble", str(good))
    assert (done.returncode, done.stderr) == (0, "")
    assert "i32.add" in done.stdout and "Sections:" in done.stdout
    done = _run("--function", "add", str(good))
    assert done.stdout == DISASSEMBLED
    done = _run("--function", "none", str(good))
    assert (done.returncode, done.stdout) == (1, "") and "no function 'none'" in done.stderr
    done = _run(str(cut))
    assert done.returncode == 1 and "import" in done.stdout and done.stderr.count("\n") == 1
    done = _run("-d", str(text))
    assert done.returncode == 0 and "nop" in done.stdout
