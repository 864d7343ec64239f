"""`keep` outlives the optimizer, does not stop the vectoriser, and goes where nothing needs it."""

from __future__ import annotations

import re

import pytest

from jormun.llvm import keep
from jormun.llvm.target import Target, binding, host

TYPES = ("i8", "i16", "i32", "i64", "float", "double")


def loop(type: str, is_used: bool) -> str:
    """A function that reads an array and, if that `is_used`, writes what it read to another."""
    use = f"%to = getelementptr {type}, ptr %q, i64 %i\nstore {type} %v, ptr %to" if is_used else ""
    return f"""
define void @f(ptr noalias %p, ptr noalias %q, i64 %n) "no-builtins" {{
entry:
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%j, %loop]
  %from = getelementptr {type}, ptr %p, i64 %i
  %v = load {type}, ptr %from, align 1
  {keep.keep(type, "%v")}
  {use}
  %j = add i64 %i, 1
  %again = icmp ult i64 %j, %n
  br i1 %again, label %loop, label %done
done:
  ret void
}}
{keep.declarations()}
"""


def optimized(text: str, target: Target) -> str:
    """The text after -O2."""
    llvm = binding()
    module = llvm.parse_assembly(text)
    machine = target.machine(2)
    module.triple, module.data_layout = target.triple, str(machine.target_data)
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=2))
    builder.getModulePassManager().run(module, builder)
    return str(module)


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("is_used", [False, True], ids=["unused", "used"])
def test_a_kept_load_is_vectorised(type: str, is_used: bool) -> None:
    """The loop reads vectors, although nothing uses what it reads."""
    text = optimized(loop(type, is_used), host())
    assert re.search(rf"load <\d+ x {type}>", text)


@pytest.mark.parametrize("type", TYPES)
def test_needless_calls_are_pruned(type: str) -> None:
    """A load whose value is stored stays without help; one that nobody uses needs it."""
    used = keep.prune(optimized(loop(type, True), host()))
    unused = keep.prune(optimized(loop(type, False), host()))
    calls = re.compile(r"call .*@jormun_keep_")
    assert not calls.search(used)
    assert calls.search(unused)


@pytest.mark.parametrize("type", ["i32", "double", "<16 x i8>"])
@pytest.mark.parametrize(
    "rest",
    ["ret void", "br i1 %c, label %then, label %else\nthen:\nstore {type} %v, ptr %q\nbr label %else\nelse:\nret void"],
    ids=["no use", "a use elsewhere"],
)
def test_a_use_in_another_block_is_not_enough(type: str, rest: str) -> None:
    """LLVM could move the load to its only use, which may never be reached."""
    text = f"""
define void @f(ptr %p, ptr %q, i1 %c) {{
  %v = load {type}, ptr %p, align 1
  {keep.keep(type, "%v")}
  {rest.format(type=type)}
}}
{keep.declarations()}
"""
    assert "call" in keep.prune(optimized(text, host()))


@pytest.mark.parametrize("bits", [128, 256, 512])
def test_definitions_are_valid(bits: int) -> None:
    """Every form is defined once, for each width of vector registers."""
    with binding().parse_assembly(keep.definitions(bits)) as module:
        module.verify()
        names = {function.name for function in module.functions}
    assert set(re.findall(r"@(jormun_keep_\w+)\(", keep.declarations())) <= names
