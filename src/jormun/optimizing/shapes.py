"""What the functions of one module share when they are lowered: LLVM types, call shapes, where things are in `vm`.

To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.llvm.accesses import llvm_type
from jormun.llvm.convention import REF, VECTOR, places
from jormun.llvm.templates import Template
from jormun.runtime.layout import Layout, is_guarded
from jormun.runtime.metering.costs import Costs
from jormun.types import FuncType, MemoryType
from jormun.validation.module import ValidModule

ZERO: dict[str, str] = {"i32": "0", "i64": "0", REF: "0", "float": "0.0", "double": "0.0", VECTOR: "zeroinitializer"}
"""What a local of a type starts with; 0 is the null reference too."""


_TEMPLATES: dict[str, dict[int, Template | None]] = {}
"""By architecture. A cache: what is in it depends on the key alone."""


class CallShape:
    """How a function type is called: LLVM types of parameters and results.

    Two results or more go through a buffer that the caller allocates and passes behind `vm`.
    """

    __slots__ = ("arguments", "has_buffer", "params", "passed", "places", "registers", "results", "returns")

    def __init__(self, type: FuncType) -> None:
        self.params: list[str] = [llvm_type(t) for t in type.params]
        self.results: list[str] = [llvm_type(t) for t in type.results]
        self.has_buffer: bool = len(self.results) > 1
        self.returns: str = self.results[0] if len(self.results) == 1 else "void"
        self.passed: list[str] = ["ptr", *(["ptr"] if self.has_buffer else []), *self.params]
        """The types of all that is passed: `vm`, the buffer for results, parameters."""
        self.places: list[int] = places(self.passed)
        """Where each of them is passed (llvm/convention.py)."""
        in_registers = [(place, t) for place, t in zip(self.places, self.passed, strict=True) if place >= 0]
        self.registers: list[int] = [place for place, _ in in_registers]
        """The places of those that are passed in registers."""
        self.arguments: str = ", ".join(["{} %s".format(t.replace("%", "%%")) for _, t in in_registers])
        """% Those as the arguments of LLVM's `call`."""


class ModuleShape:
    """The facts about a module that lowering asks for again and again, each looked up once."""

    def __init__(self, valid: ValidModule, layout: Layout, architecture: str, costs: Costs | None = None) -> None:
        """With `costs`, code is metered."""
        self.valid = valid
        self.costs = costs
        self.layout = layout
        self.imported_function_count: int = valid.imported_function_count
        self.architecture = architecture
        self.is_plain: bool = bool(valid.memory_types) and is_guarded(valid.memory_types[0])
        """Whether memory 0 is guarded, so that its accesses are not checked."""
        self.global_types: list[str] = [llvm_type(t.value) for t in valid.global_types]
        self.shapes: dict[int, CallShape] = {}
        self.templates: dict[int, Template | None] = _TEMPLATES.setdefault(architecture, {})
        """The templates of rows, by code, as far as they have been asked for; None for a row that has none."""

    def shape(self, type_index: int) -> CallShape:
        """The call shape of the function type with this index."""
        shape = self.shapes.get(type_index)
        if shape is None:
            composite = self.valid.types[type_index].composite
            assert isinstance(composite, FuncType)
            shape = self.shapes[type_index] = CallShape(composite)
        return shape

    def function_shape(self, func_index: int) -> CallShape:
        """The call shape of a function, imported ones counted first."""
        return self.shape(self.valid.function_types[func_index])

    def memory(self, index: int) -> MemoryType:
        """The type of a memory."""
        return self.valid.memory_types[index]

    def type_is_final(self, type_index: int) -> bool:
        """Whether a type can have no proper subtypes, so that comparing identities settles a cast."""
        return self.valid.types[type_index].is_final
