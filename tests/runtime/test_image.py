"""Code images: joined, and made of objects only when nothing is left to link."""

from __future__ import annotations

import pytest

from jormun.llvm.object import ObjectError
from jormun.llvm.target import assemble
from jormun.optimizing.code_image import code_image
from jormun.runtime.image import ALIGNMENT_BYTES, CodeFunction, CodeImage


def test_joined() -> None:
    """Functions keep their code, at offsets that images may lie at."""
    one = CodeImage(b"\xc3" * 70, (CodeFunction("f", 1, 0, 70),), "x86_64")
    two = CodeImage(b"\x90\xc3", (CodeFunction("o", 2, 1, 1, 99),), "x86_64")
    both = CodeImage.joined([one, two])
    assert both.functions == (CodeFunction("f", 1, 0, 70), CodeFunction("o", 2, 2 * ALIGNMENT_BYTES + 1, 1, 99))
    assert both.code[:70] == one.code and both.code[2 * ALIGNMENT_BYTES :] == two.code
    assert both.architecture == "x86_64"


def test_joined_for_aarch64() -> None:
    """Its code says how many pages away a constant is, so images stay where they are in their pages."""
    one = CodeImage(bytes(8), (CodeFunction("f", 1, 0, 8),), "aarch64")
    both = CodeImage.joined([one, one])
    assert [f.offset for f in both.functions] == [0, 4096] and len(both.code) == 4104


def test_names_say_what_a_function_is() -> None:
    """Functions, loop entries and parts; what is none of these is not listed."""
    names = ["@f3", "@t4", "@o5_17", "@other"]
    text = "".join(f"define i32 {name}() {{\n  ret i32 1\n}}\n" for name in names)
    text += "define internal i32 @f7() noinline {\n  ret i32 2\n}\ndefine i32 @e7() {\n  %r = call i32 @f7()\n"
    text += "  ret i32 %r\n}\n"
    image = code_image(assemble(text))
    assert [(f.kind, f.index, f.loop) for f in image.functions] == [
        ("f", 3, 0), ("f", 4, 0), ("o", 5, 17), ("i", 7, 0), ("f", 7, 0),
    ]  # fmt: skip
    assert all(image.code[f.offset + f.size_bytes - 1] == 0xC3 for f in image.functions)


@pytest.mark.parametrize(
    "text",
    [
        "declare void @exit(i32)\ndefine void @f0() {\n  call void @exit(i32 1)\n  ret void\n}",
        "@t = internal constant [1 x ptr] [ptr @f0]\ndefine ptr @f0() {\n  ret ptr @t\n}",
    ],
    ids=["undefined", "address"],
)
def test_code_that_is_not_whole_is_refused(text: str) -> None:
    """Code that refers to something outside, or holds an address."""
    with pytest.raises(ObjectError, match=r"outside of itself|holds an address"):
        code_image(assemble(text))
