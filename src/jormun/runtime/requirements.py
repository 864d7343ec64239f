"""What machine code needs of the machine that runs it, and whether this one has that. No LLVM is needed to tell."""

from __future__ import annotations

import sys

from jormun.dataclass import dataclass
from jormun.hints import Final
from jormun.runtime.native.support import cpu_flags, machine

KERNEL_FLAGS: Final[dict[str, dict[str, str]]] = {
    "x86_64": {
        "cx16": "cx16", "sahf": "lahf_lm", "sse3": "pni", "ssse3": "ssse3", "sse4.1": "sse4_1", "sse4.2": "sse4_2",
        "crc32": "sse4_2", "popcnt": "popcnt", "lzcnt": "abm", "movbe": "movbe", "bmi": "bmi1", "bmi2": "bmi2",
        "adx": "adx", "avx": "avx", "avx2": "avx2", "f16c": "f16c", "fma": "fma", "fma4": "fma4", "xop": "xop",
        "tbm": "tbm", "sse4a": "sse4a", "aes": "aes", "pclmul": "pclmulqdq", "sha": "sha_ni", "gfni": "gfni",
        "vaes": "vaes", "vpclmulqdq": "vpclmulqdq", "prfchw": "3dnowprefetch", "avxvnni": "avx_vnni",
        "avxifma": "avx_ifma", "avx512f": "avx512f", "avx512bw": "avx512bw", "avx512cd": "avx512cd",
        "avx512dq": "avx512dq", "avx512vl": "avx512vl", "avx512ifma": "avx512ifma", "avx512vbmi": "avx512vbmi",
        "avx512vbmi2": "avx512_vbmi2", "avx512vnni": "avx512_vnni", "avx512bitalg": "avx512_bitalg",
        "avx512vpopcntdq": "avx512_vpopcntdq", "avx512bf16": "avx512_bf16", "avx512fp16": "avx512_fp16",
    },
    "aarch64": {
        "lse": "atomics", "lse2": "uscat", "rdm": "asimdrdm", "crc": "crc32", "rcpc": "lrcpc", "rcpc-immo": "ilrcpc",
        "dotprod": "asimddp", "fullfp16": "asimdhp", "fp16fml": "asimdfhm", "jsconv": "jscvt", "complxnum": "fcma",
        "aes": "aes", "sha2": "sha2", "sha3": "sha3", "bf16": "bf16", "i8mm": "i8mm", "flagm": "flagm",
        "altnzcv": "flagm2", "fptoint": "frint",
    },
}  # fmt: skip
"""The extensions that code which is carried to other machines may be made of, by architecture: LLVM's name, and the
kernel's in /proc/cpuinfo."""
_ARCHITECTURES: Final = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64", "armv8": "aarch64"}
_SYSTEMS: Final = {"darwin": "macos", "win32": "windows"}
_SHOWN: Final = {"linux": "Linux", "macos": "macOS", "windows": "Windows"}
_LISTED: Final = 3


def architecture_named(name: str) -> str:
    """The architecture that goes by this name or another: "x86_64" for "AMD64". An unknown one stays as it is."""
    lower = name.lower()
    return _ARCHITECTURES.get(lower, lower)


@dataclass(frozen=True, slots=True)
class Requirements:
    """The machine that code was made for, and what of it the code needs."""

    architecture: str
    """Of KERNEL_FLAGS, "x86_64"; which implies its 64-bit base: SSE2, or NEON."""
    system: str
    """"linux", "macos" or "windows": what the code expects of page sizes, registers and the convention of calls."""
    cpu: str = ""
    """LLVM's name of the CPU that the code is tuned for; it runs on any that has the features."""
    features: tuple[str, ...] = ()
    """LLVM's names, of KERNEL_FLAGS."""

    def __str__(self) -> str:
        return f"{self.architecture} {_SHOWN.get(self.system, self.system)}"

    def unmet(self) -> str | None:
        """Why this machine does not run the code: a clause, or None if it does."""
        here = this_machine()
        if (self.architecture, self.system) != (here.architecture, here.system):
            return f"is compiled for {self}, this machine is {here}"
        if not self.features:
            return None
        flags, names = cpu_flags(), KERNEL_FLAGS[here.architecture]
        lacking = [name.upper() for name in self.features if names.get(name, "") not in flags]
        if not lacking:
            return None
        if not flags:
            return f"is compiled for {self.cpu} CPUs, and this system does not tell what its CPU has"
        more = f" and {len(lacking) - _LISTED} more" if len(lacking) > _LISTED else ""
        return f"needs a CPU with {', '.join(lacking[:_LISTED])}{more}, which this one has not"


def this_machine() -> Requirements:
    """The machine that we run on, without its features."""
    return Requirements(architecture_named(machine()), _SYSTEMS.get(sys.platform, sys.platform))
