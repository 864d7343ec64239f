"""Object files: what LLVM makes is read right, and damaged ones are refused."""

from __future__ import annotations

import random
import struct

import pytest

from jormun.errors import WasmError
from jormun.llvm.object import Fixup, Image, ObjectError, Relocation, read_object
from jormun.llvm.target import Target, assemble, binding

TEXT = """
@table = internal constant [4 x ptr] [ptr @a, ptr @b, ptr @a, ptr @outside]
declare dso_local void @outside()
define dso_local i64 @a(i64 %x) {
  %y = add i64 %x, 1
  ret i64 %y
}
define dso_local double @b(double %x) {
  %y = fmul double %x, 3.25
  call void @outside()
  ret double %y
}
define dso_local ptr @c(i64 %n) {
  %at = getelementptr ptr, ptr @table, i64 %n
  %p = load ptr, ptr %at
  ret ptr %p
}
"""


def test_image_of_an_object() -> None:
    """Functions are where the symbols say, names left undefined are listed, and addresses are filled in."""
    image = read_object(assemble(TEXT, Target("x86_64-unknown-linux-gnu", "x86-64")))
    assert image.architecture == "x86_64"
    assert {name for name, symbol in image.symbols.items() if symbol.is_function} == {"a", "b", "c"}
    assert image.undefined == ("outside",)
    base, outside = 0x7000_0000_0000, 0x7000_1000_0000
    placed = image.place(base, {"outside": outside}.__getitem__)
    expected = struct.pack("<4Q", *(base + image.symbols[name].offset for name in "aba"), outside)
    assert placed[image.symbols["table"].offset :][:32] == expected
    assert placed.count(struct.pack("<d", 3.25)) == 1
    call = next(fixup for fixup in image.fixups if fixup.relocation is Relocation.RELATIVE_32 and fixup.name)
    (distance,) = struct.unpack_from("<i", placed, call.offset)
    assert base + call.offset + 4 + distance == outside


def test_aarch64_object() -> None:
    """The relocations of aarch64 are known by name."""
    llvm = binding()
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    image = read_object(assemble(TEXT, Target("aarch64-unknown-linux-gnu")))
    kinds = {fixup.relocation for fixup in image.fixups}
    assert {Relocation.ABSOLUTE_64, Relocation.ARM_BRANCH_26, Relocation.ARM_PAGE_21} <= kinds
    assert len(image.place(1 << 32, lambda name: (1 << 32) + 4096)) == len(image.data)


@pytest.mark.parametrize(
    ("relocation", "before", "value", "after"),
    [
        # The right column is what GNU as and ld write for these distances.
        (Relocation.ARM_BRANCH_26, 0x94000000, 0x1_0000_1000, 0x94000400),  # bl +0x1000
        (Relocation.ARM_BRANCH_26, 0x94000000, 0x0_FFFF_FFFC, 0x97FFFFFF),  # bl -4
        (Relocation.ARM_PAGE_21, 0x90000000, 0x1_0000_5678, 0xB0000020),  # adrp x0, +5 pages
        (Relocation.ARM_PAGE_21, 0x90000003, 0x0_FFFF_F000, 0xF0FFFFE3),  # adrp x3, -1 page
        (Relocation.ARM_LOW_12_ADD, 0x91000000, 0x1_0000_5678, 0x9119E000),  # add x0, x0, #0x678
        (Relocation.ARM_LOW_12_LOAD_64, 0xF9400000, 0x1_0000_5678, 0xF9433C00),  # ldr x0, [x0, #0x678]
        (Relocation.ARM_LOW_12_LOAD_128, 0x3DC00000, 0x1_0000_0040, 0x3DC01000),  # ldr q0, [x0, #0x40]
    ],
)
def test_aarch64_instructions(relocation: Relocation, before: int, value: int, after: int) -> None:
    """Distances land in the right bits of an instruction."""
    image = Image(struct.pack("<I", before), 4, {}, (Fixup(0, relocation, "x", 0),), ("x",))
    placed = image.place(0x1_0000_0000, lambda name: value)
    assert placed.hex() == struct.pack("<I", after).hex()


@pytest.mark.parametrize(
    ("relocation", "value"),
    [
        (Relocation.RELATIVE_32, 1 << 31),
        (Relocation.RELATIVE_32, -(1 << 31) - 1),
        (Relocation.ARM_BRANCH_26, 1 << 27),
        (Relocation.ARM_BRANCH_26, 2),
        (Relocation.ARM_PAGE_21, 1 << 32),
        (Relocation.ARM_LOW_12_LOAD_64, 4),
    ],
)
def test_what_does_not_fit_is_refused(relocation: Relocation, value: int) -> None:
    """A distance that its bits cannot hold is an error."""
    image = Image(bytes(8), 4, {}, (Fixup(0, relocation, "x", 0),), ("x",))
    with pytest.raises(ObjectError):
        image.place(0, lambda name: value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("@x = global i32 1\ndefine ptr @f() {\n  ret ptr @x\n}", "writable section .data"),
        ("@x = global i32 0\ndefine ptr @f() {\n  ret ptr @x\n}", "writable section .bss"),
        ("@x = thread_local global i32 5\ndefine ptr @f() {\n  ret ptr @x\n}", "writable section .tdata"),
        ("@x = external global i32\ndefine ptr @f() {\n  ret ptr @x\n}", "relocation of type"),
    ],
)
def test_what_guest_code_never_needs_is_refused(text: str, message: str) -> None:
    """Writable data, thread-local data and global offset tables have no place in guest code."""
    with pytest.raises(ObjectError, match=message):
        read_object(assemble(text, Target("x86_64-unknown-linux-gnu")))


def test_unwinding_tables_are_left_out() -> None:
    """Functions with unwinding tables load like others, without the tables."""
    image = read_object(assemble("define i32 @f() uwtable {\n  ret i32 1\n}", Target("x86_64-unknown-linux-gnu")))
    assert len(image.data) == image.symbols["f"].size_bytes
    assert image.fixups == ()


def test_damaged_objects() -> None:
    """Any change to an object's headers gives an image or an ObjectError, nothing else."""
    data = assemble(TEXT, Target("x86_64-unknown-linux-gnu"))
    source = random.Random(7)
    for _ in range(3000):
        damaged = bytearray(data)
        for _ in range(source.randrange(1, 4)):
            damaged[source.randrange(len(data))] = source.choice((0, 1, 2, 127, 128, 255))
        if source.random() < 0.3:
            del damaged[source.randrange(len(data)) :]
        try:
            image = read_object(bytes(damaged))
            image.place(1 << 40, lambda name: 1 << 40)
        except WasmError:
            pass
    for text in (b"", b"\x7fELF", data[:63], b"\x7fELF\x01" + data[5:]):
        with pytest.raises(ObjectError):
            read_object(text)
