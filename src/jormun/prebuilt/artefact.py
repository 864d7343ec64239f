"""Artefacts: what they are called, who builds them, and the sources that they are made from."""

from __future__ import annotations

from os.path import dirname, join

from jormun.dataclass import dataclass
from jormun.digest import digest

_PACKAGE = dirname(dirname(__file__))


@dataclass(frozen=True, slots=True)
class Artefact:
    """Something that is built ahead of time, for one architecture."""

    name: str
    architecture: str
    builder: str
    """Module and function, "jormun.x.y:build", which returns the bytes. Imported only to build."""
    sources: tuple[str, ...]
    """The files that decide what is built, from the package's folder on."""

    @property
    def file_name(self) -> str:
        """The name of its file in the package."""
        return f"{self.name}-{self.architecture}.bin"

    def key(self) -> bytes:
        """The digest of its sources, as they are now. Raises OSError where they are not installed.

        The version of llvmlite, by whose code generator it is made, is not in it: to ask for it takes a whole start.
        `build` notes it, and `is_current` compares.
        """
        parts = [f"{self.name} {self.architecture} {self.builder}".encode()]
        for source in self.sources:
            with open(join(_PACKAGE, source), "rb", buffering=0) as file:
                parts.append(file.read())
        return digest(*parts)


GLUE = Artefact(
    "glue",
    "x86_64",
    "jormun.runtime.native.glue_image:build",
    (
        "errors.py", "llvm/convention.py", "llvm/object.py", "llvm/target.py", "types.py",
        "runtime/heap_layout.py", "runtime/layout.py", "runtime/native/arrays.py", "runtime/native/built_in.py",
        "runtime/native/bulk.py", "runtime/native/call_end.py", "runtime/native/call_shape.py",
        "runtime/native/calls_from_python.py", "runtime/native/calls_of_python.py", "runtime/native/cleaning.py",
        "runtime/native/collector.py", "runtime/native/exceptions.py",
        "runtime/native/glue.py", "runtime/native/glue_data.py", "runtime/native/glue_image.py",
        "runtime/native/heap.py", "runtime/native/python_values.py", "runtime/native/service.py",
        "runtime/native/signal_handlers.py", "runtime/native/signals.py", "runtime/native/stopping.py",
        "runtime/native/straight_calls.py",
        "runtime/native/wasi/__init__.py", "runtime/native/wasi/advice.py", "runtime/native/wasi/beneath.py",
        "runtime/native/wasi/buffers.py", "runtime/native/wasi/call.py", "runtime/native/wasi/clock.py",
        "runtime/native/wasi/file.py", "runtime/native/wasi/filestat.py", "runtime/native/wasi/flags.py",
        "runtime/native/wasi/link.py", "runtime/native/wasi/names.py", "runtime/native/wasi/offset.py",
        "runtime/native/wasi/opening.py", "runtime/native/wasi/poll.py", "runtime/native/wasi/position.py",
        "runtime/native/wasi/random.py", "runtime/native/wasi/sched.py", "runtime/native/wasi/size.py",
        "runtime/native/wasi/status.py", "runtime/native/wasi/stream.py", "runtime/native/wasi/strings.py",
        "runtime/native/wasi/times.py", "runtime/native/wasi/transfer.py", "runtime/native/x86_64.py",
        "runtime/native/x86_64_activation.py", "runtime/native/x86_64_aside.py", "runtime/native/x86_64_context.py",
        "runtime/native/x86_64_host.py", "runtime/rights.py", "runtime/world.py",
    ),
)  # fmt: skip
_STENCIL_SOURCES = (
    "errors.py", "types.py", "llvm/accesses.py", "llvm/arithmetic.py", "llvm/convention.py", "llvm/conversions.py",
    "llvm/lines.py", "llvm/object.py", "llvm/pipeline.py", "llvm/target.py", "llvm/values.py", "runtime/heap_layout.py",
    "runtime/layout.py", "runtime/metering/fuel.py", "baseline/catalogue.py", "baseline/library.py",
    "baseline/stencil_build/build.py", "baseline/stencil_build/machine.py", "baseline/stencil_build/objects.py",
    "baseline/stencil_build/ops.py", "baseline/stencil_build/variants.py",
    "opcodes/aggregates.py", "opcodes/atomics.py", "opcodes/control.py", "opcodes/conversion.py",
    "opcodes/floating.py", "opcodes/immediates.py", "opcodes/lanes.py", "opcodes/machine.py", "opcodes/markers.py",
    "opcodes/memory.py", "opcodes/numeric.py", "opcodes/ops.py", "opcodes/references.py", "opcodes/signatures.py",
    "opcodes/table.py", "opcodes/variables.py", "opcodes/vector.py",
)  # fmt: skip
STENCILS = {
    "x86_64": Artefact(
        "stencils",
        "x86_64",
        "jormun.baseline.stencil_build.build:build_x86_64",
        (
            *_STENCIL_SOURCES,
            "baseline/stencil_build/x86_64.py",
            "baseline/stencil_build/x86_64_assembly.py",
            "baseline/stencil_build/x86_64_objects.py",
            "baseline/stencil_build/x86_64_pieces.py",
        ),
    ),
    "aarch64": Artefact(
        "stencils",
        "aarch64",
        "jormun.baseline.stencil_build.build:build_aarch64",
        (
            *_STENCIL_SOURCES,
            "baseline/aarch64.py",
            "baseline/stencil_build/aarch64.py",
            "baseline/stencil_build/aarch64_assembler.py",
            "baseline/stencil_build/aarch64_calls.py",
            "baseline/stencil_build/aarch64_code.py",
            "baseline/stencil_build/aarch64_objects.py",
            "baseline/stencil_build/aarch64_pieces.py",
        ),
    ),
}
"""By architecture; each is built on any machine."""
ARTEFACTS = (GLUE, *STENCILS.values())
