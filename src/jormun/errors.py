"""The one tree of exceptions, and the kinds of trap (core specification, section 4.2.1 and the test scripts' wording).

The class says the phase in which a thing went wrong; the message is the standard's wording where it has one.
"""

from __future__ import annotations

import builtins

from jormun.dataclass import dataclass
from jormun.enumeration import Enum, unique
from jormun.hints import Sequence


class WasmError(Exception):
    """Whatever goes wrong with a WebAssembly module or a running guest."""


class MalformedError(WasmError):
    """A module that is not WebAssembly at all: its bytes do not decode, or its text does not parse.

    `offset` is the byte offset in a binary; `line` and `column`, both counted from 1, the place in a text.
    """

    def __init__(
        self, message: str, *, offset: int | None = None, line: int | None = None, column: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.line = line
        self.column = column

    def __str__(self) -> str:
        if self.line is not None:
            return f"line {self.line}, column {self.column}: {self.message}"
        if self.offset is not None:
            return f"offset {self.offset:#x}: {self.message}"
        return self.message


class InvalidError(WasmError):
    """A module that decodes and breaks a rule of validation.

    `function` is the index of the function it was found in (None outside of functions). `offset` is a byte offset in
    the module's binary; a module that came from text has `line` and `column` instead.
    """

    def __init__(
        self,
        message: str,
        *,
        function: int | None = None,
        offset: int | None = None,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.function = function
        self.offset = offset
        self.line = line
        self.column = column

    def __str__(self) -> str:
        where = []
        if self.function is not None:
            where.append(f"function {self.function}")
        if self.line is not None:
            where.append(f"line {self.line}, column {self.column}")
        elif self.offset is not None:
            where.append(f"offset {self.offset:#x}")
        return f"{', '.join(where)}: {self.message}" if where else self.message


class LinkError(WasmError):
    """An import that is missing or does not match what the module asks for."""


class UnsupportedError(WasmError):
    """A module or a machine needs what Jormun does not have yet."""


class ArtifactError(WasmError):
    """A file of `jormun compile` that is not run: damaged, for another machine or version, or not to be trusted."""


class HostError(WasmError):
    """A host function, or another thing that the host supplied, broke its contract."""


class Exit(WasmError):
    """A program of WASI, or a library, has ended itself (`exit` of C): it passes through the guest to whoever called
    it, from Python's function calls on. `jormun.run` gives its `status`, unsigned and of 32 bits, as `returncode`.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status

    def __str__(self) -> str:
        return f"the guest has ended itself, with exit status {self.status}"


@unique
class TrapKind(Enum):
    """Why a guest trapped. The value is the number that native code writes; `message` is the standard's wording."""

    UNREACHABLE = 1
    MEMORY_OUT_OF_BOUNDS = 2
    TABLE_OUT_OF_BOUNDS = 3
    UNDEFINED_ELEMENT = 4
    UNINITIALIZED_ELEMENT = 5
    INDIRECT_CALL_TYPE_MISMATCH = 6
    INTEGER_DIVIDE_BY_ZERO = 7
    INTEGER_OVERFLOW = 8
    INVALID_CONVERSION_TO_INTEGER = 9
    NULL_REFERENCE = 10
    NULL_FUNCTION_REFERENCE = 11
    NULL_STRUCTURE_REFERENCE = 12
    NULL_ARRAY_REFERENCE = 13
    NULL_I31_REFERENCE = 14
    NULL_EXCEPTION_REFERENCE = 15
    CAST_FAILURE = 16
    ARRAY_OUT_OF_BOUNDS = 17
    UNALIGNED_ATOMIC = 18
    EXPECTED_SHARED_MEMORY = 19
    STACK_EXHAUSTED = 20
    """Raised as ExhaustionError."""
    HOST_EXCEPTION = 21
    """A host function raised: the Python exception is kept beside the activation and raised anew, unchanged."""
    INTERRUPTED = 22
    """A signal handler or another thread asked the guest to stop."""
    UNCAUGHT_EXCEPTION = 23
    RESOURCE_LIMIT = 24
    """A limit on memory or tables was reached. Raised as ExhaustionError."""
    FUEL_EXHAUSTED = 25
    """Raised as ExhaustionError."""

    @property
    def message(self) -> str:
        """The wording that the standard's test scripts expect."""
        return _TRAP_MESSAGES[self]


_TRAP_MESSAGES = {
    TrapKind.UNREACHABLE: "unreachable",
    TrapKind.MEMORY_OUT_OF_BOUNDS: "out of bounds memory access",
    TrapKind.TABLE_OUT_OF_BOUNDS: "out of bounds table access",
    TrapKind.UNDEFINED_ELEMENT: "undefined element",
    TrapKind.UNINITIALIZED_ELEMENT: "uninitialized element",
    TrapKind.INDIRECT_CALL_TYPE_MISMATCH: "indirect call type mismatch",
    TrapKind.INTEGER_DIVIDE_BY_ZERO: "integer divide by zero",
    TrapKind.INTEGER_OVERFLOW: "integer overflow",
    TrapKind.INVALID_CONVERSION_TO_INTEGER: "invalid conversion to integer",
    TrapKind.NULL_REFERENCE: "null reference",
    TrapKind.NULL_FUNCTION_REFERENCE: "null function reference",
    TrapKind.NULL_STRUCTURE_REFERENCE: "null structure reference",
    TrapKind.NULL_ARRAY_REFERENCE: "null array reference",
    TrapKind.NULL_I31_REFERENCE: "null i31 reference",
    TrapKind.NULL_EXCEPTION_REFERENCE: "null exception reference",
    TrapKind.CAST_FAILURE: "cast failure",
    TrapKind.ARRAY_OUT_OF_BOUNDS: "out of bounds array access",
    TrapKind.UNALIGNED_ATOMIC: "unaligned atomic",
    TrapKind.EXPECTED_SHARED_MEMORY: "expected shared memory",
    TrapKind.STACK_EXHAUSTED: "call stack exhausted",
    TrapKind.HOST_EXCEPTION: "host exception",
    TrapKind.INTERRUPTED: "interrupted",
    TrapKind.UNCAUGHT_EXCEPTION: "unhandled exception",
    TrapKind.RESOURCE_LIMIT: "resource limit exceeded",
    TrapKind.FUEL_EXHAUSTED: "out of fuel",
}


@dataclass(frozen=True, slots=True)
class Frame:
    """One WebAssembly function that was running when a guest trapped."""

    module: str | None
    function_index: int
    function_name: str | None

    def __str__(self) -> str:
        name = (
            f"${_shortened(self.function_name)}"
            if self.function_name is not None
            else f"function {self.function_index}"
        )
        return f"{_shortened(self.module)}!{name}" if self.module else name


_SHOWN_CHARACTERS = 1000
"""How much of a name a backtrace shows: those of C++ are long, and those of hostile files have millions."""


def _shortened(name: str) -> str:
    return name if len(name) <= _SHOWN_CHARACTERS else f"{name[:_SHOWN_CHARACTERS]}..."


class Trap(WasmError):
    """A guest did what the standard answers with a trap; the instance lives on.

    `kind` says why; `backtrace` lists the WebAssembly frames, innermost first.

    >>> import jormun
    >>> inner = '(func $inner (result i32) (i32.div_s (i32.const 1) (i32.const 0)))'
    >>> outer = '(func (export "outer") (result i32) (i32.add (call $inner) (i32.const 1)))'
    >>> try:
    ...     jormun.load(f"(module {inner} {outer})").exports.outer()
    ... except jormun.Trap as trap:
    ...     print(trap.kind.name, [frame.function_name for frame in trap.backtrace])
    INTEGER_DIVIDE_BY_ZERO ['inner', 'outer']
    """

    def __init__(self, kind: TrapKind, backtrace: Sequence[Frame] = (), message: str | None = None) -> None:
        super().__init__(kind.message if message is None else message)
        self.kind = kind
        self.backtrace = tuple(backtrace)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle it whole, for whoever waits for a worker process: by default `args` alone would make a new one."""
        return type(self), (self.kind, self.backtrace, self.args[0]), self.__dict__

    def __str__(self) -> str:
        lines = [str(self.args[0]), *(f"    at {frame}" for frame in self.backtrace)]
        return "\n".join(lines)


class ExhaustionError(Trap):
    """A guest used up a resource that is bounded: its stack, its fuel or its memory."""


class TimeoutError(ExhaustionError, builtins.TimeoutError):
    """A guest ran longer than it was allowed to."""
