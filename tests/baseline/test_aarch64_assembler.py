"""The assembler that pieces for aarch64 are written in."""

from __future__ import annotations

import pytest

from jormun.baseline.stencil_build.aarch64_assembler import assembled
from jormun.baseline.stencil_build.aarch64_code import encoded


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stp x29, x30, [sp, #-16]!", [0xA9BF7BFD]),
        ("ldp x29, x30, [sp], #16; ret", [0xA8C17BFD, 0xD65F03C0]),
        ("mov x29, sp; mov x20, x0; mov v1.16b, v0.16b", [0x910003FD, 0xAA0003F4, 0x4EA01C01]),
        ("sub x21, x29, #16384; sub sp, sp, x15", [0xD14013B5, 0xCB2F63FF]),
        ("ldr x21, [x29, #-32]; str w0, [x21, #16344]", [0xF85E03B5, 0xB93FDAA0]),
        ("cbz w1, 1f; blr x17; 1:", [0x34000041, 0xD63F0220]),
        ("1:; str xzr, [x16], #8; subs w17, w17, #1; b.ne 1b", [0xF800861F, 0x71000631, 0x54FFFFC1]),
        (
            "ldrb w1, [x2, #5]; ldrsb w1, [x16, w2, uxtw #0]; strb w3, [x16, w2, uxtw]",
            [0x39401441, 0x38E24A01, 0x38224A03],
        ),
        ("ldrh w1, [x2]; ldrsh w1, [x16, w2, uxtw #1]; strh w3, [x2, #6]", [0x79400041, 0x78E25A01, 0x79000C43]),
        (
            "ldr q1, [x16, w2, uxtw #4]; str s1, [x2, x3, lsl #2]; ldr w1, [x2, x3]",
            [0x3CE25A01, 0xBC237841, 0xB8636841],
        ),
        ("ldrsw x16, [x17, w16, uxtw #2]; cset w13, eq; mov w13, wzr", [0xB8B05A30, 0x1A9F17ED, 0x2A1F03ED]),
        ("asr w1, w2, #1; lsr w1, w2, #1; lsr x1, x2, #16", [0x13017C41, 0x53017C41, 0xD350FC41]),
        ("and x17, x17, #-8388608; tst x16, #7", [0x9269A231, 0xF240_0A1F]),
    ],
)
def test_the_assembler(text: str, words: list[int]) -> None:
    """Encodings as the architecture's manual has them."""
    assert [hex(word) for word in encoded(assembled(text))] == [hex(word) for word in words]
