"""The machine that code is generated for, and LLVM text to object code.

llvmlite is imported when a machine is first asked for: importing it costs more than a whole warm start.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from jormun.errors import WasmError


@dataclass(frozen=True, slots=True)
class Target:
    """A CPU to generate code for. `features` is LLVM's list: "+avx2,-sse4a"."""

    triple: str
    cpu: str = ""
    features: str = ""

    @property
    def architecture(self) -> str:
        """The first part of the triple: "x86_64", "aarch64"."""
        return self.triple.split("-", 1)[0]

    @property
    def vector_bits(self) -> int:
        """The width of the widest vector register that the code generator uses."""
        if self.architecture != "x86_64":
            return 128
        features = self.features.split(",")
        if "+avx512bw" in features and "+avx512f" in features:
            return 512
        return 256 if "+avx" in features else 128

    def lacking(self) -> str | None:
        """The extension that guest code is made of and that the CPU lacks, if there is one."""
        needed = "SSE4.1" if self.architecture == "x86_64" else None  # which comes with SSSE3: llvm/values.py uses both
        return needed if needed is not None and f"+{needed.lower()}" not in self.features.split(",") else None

    def machine(self, optimization: int = 2) -> Any:
        """An llvmlite TargetMachine whose code generator runs at level `optimization`, 0 to 3."""
        return _machine(self, optimization)


@cache
def binding() -> Any:
    """The binding of llvmlite, ready to generate code for every target built in."""
    try:
        import llvmlite.binding as llvm
    except ImportError as error:
        raise WasmError(f"llvmlite is needed to compile WebAssembly and cannot be imported: {error}") from error
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    llvm.initialize_native_asmparser()
    return llvm


@cache
def host() -> Target:
    """The machine that we run on. Raises WasmError where the code generator could not do with its instructions."""
    llvm = binding()
    target = Target(llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())
    lacking = target.lacking()
    if lacking:
        raise WasmError(
            f"native execution needs a CPU with {lacking}; this one ({target.cpu}) has no such instructions"
        )
    return target


@lru_cache(maxsize=16)
def _machine(target: Target, optimization: int) -> Any:
    llvm = binding()
    # Position-independent code of the small model: code, constants and jump tables of one object reach each other and
    # all of the code region by 32-bit distances, wherever the region is. The static model would hold 32-bit
    # addresses.
    return llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, features=target.features, opt=optimization, reloc="pic", codemodel="small"
    )


def assemble(text: str, target: Target | None = None, optimization: int = 2) -> bytes:
    """The object file that LLVM's code generator makes of LLVM text, without running its optimization passes.

    The text comes from Jormun itself: an error in it is a mistake of ours.
    """
    llvm = binding()
    target = host() if target is None else target
    module = llvm.parse_assembly(text)
    module.triple = target.triple
    module.verify()
    machine = target.machine(optimization)
    module.data_layout = str(machine.target_data)
    return bytes(machine.emit_object(module))
