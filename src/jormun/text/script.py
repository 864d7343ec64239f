"""The standard's test scripts (.wast) as values: modules, actions and assertions (the interpreter's README).

The commands of the threads proposal are among them. Modules are parsed when they are asked for, so that a bad one
spoils one command and not its script. text/script_parser.py makes these values.
"""

from __future__ import annotations

from enum import Enum, unique
from typing import TypeAlias

from jormun.dataclass import dataclass, field
from jormun.syntax.module import Module
from jormun.text.keywords import LANE_SHAPES
from jormun.text.lexer import Tokens, decode_text
from jormun.text.module import parse_module, parse_module_at
from jormun.types import AbsHeapType, NumType

# Modules.


@dataclass(frozen=True, slots=True)
class TextModule:
    """A module written out in a script: tokens `start` to `end`, its identifier and fields from `body` on."""

    name: str | None
    tokens: Tokens = field(repr=False, compare=False)
    start: int
    end: int
    body: int
    is_abbreviated: bool = False

    def parse(self) -> Module:
        """The module; MalformedError if it is none."""
        return parse_module_at(self.tokens, self.body, is_abbreviated=self.is_abbreviated)[0]

    @property
    def text(self) -> str:
        """The module's text."""
        return self.tokens.source[self.tokens.starts[self.start] : self.tokens.starts[self.end - 1] + 1]


@dataclass(frozen=True, slots=True)
class BinaryModule:
    """A module in the binary format."""

    name: str | None
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class QuoteModule:
    """A module whose text stands in strings, so that it need not even be tokens."""

    name: str | None
    data: bytes

    def parse(self) -> Module:
        """The module; MalformedError if it is none."""
        return parse_module(decode_text(self.data))


ModuleSource: TypeAlias = TextModule | BinaryModule | QuoteModule

# Values.


@dataclass(frozen=True, slots=True)
class Number:
    """A number, by its bits."""

    type: NumType
    bits: int


@dataclass(frozen=True, slots=True)
class Vector:
    """A v128, lane 0 first. As a pattern some lanes may be NaNs of a kind."""

    shape: str
    lanes: tuple[int | NanKind, ...]

    @property
    def bits(self) -> int:
        """All lanes as one number. Only for a vector without patterns."""
        width = LANE_SHAPES[self.shape][1]
        return sum(lane << width * i for i, lane in enumerate(self.lanes) if isinstance(lane, int))


@dataclass(frozen=True, slots=True)
class Null:
    """A null reference; as a pattern of any type if it has no heap type."""

    heap: AbsHeapType | None = None


@dataclass(frozen=True, slots=True)
class ExternReference:
    """A reference that the host made, known by a number."""

    number: int


@dataclass(frozen=True, slots=True)
class HostReference:
    """A reference that the host made and that was taken into the hierarchy of `any`, known by a number."""

    number: int


Value: TypeAlias = Number | Vector | Null | ExternReference | HostReference


@unique
class NanKind(Enum):
    """Which NaNs match; the value is the script's word."""

    CANONICAL = "nan:canonical"
    ARITHMETIC = "nan:arithmetic"


@dataclass(frozen=True, slots=True)
class NanPattern:
    """Any NaN of a kind."""

    type: NumType
    kind: NanKind


@dataclass(frozen=True, slots=True)
class ReferencePattern:
    """Any reference to something of a type that is not null."""

    heap: AbsHeapType


@dataclass(frozen=True, slots=True)
class Either:
    """One of several results."""

    alternatives: tuple[Result, ...]


Result: TypeAlias = "Value | NanPattern | ReferencePattern | Either"

# Actions and commands.


@dataclass(frozen=True, slots=True)
class Invoke:
    """A call of an exported function. `module` is an identifier; None is the latest instance."""

    module: str | None
    name: str
    arguments: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Get:
    """The value of an exported global."""

    module: str | None
    name: str


Action: TypeAlias = Invoke | Get


@dataclass(frozen=True, slots=True)
class DefineModule:
    """Define a module, and instantiate it unless `is_definition_only`."""

    line: int
    module: ModuleSource
    is_definition_only: bool = False


@dataclass(frozen=True, slots=True)
class Instantiate:
    """Instantiate a module that was defined; None is the latest one."""

    line: int
    name: str | None
    module: str | None


@dataclass(frozen=True, slots=True)
class Register:
    """Make an instance's exports importable under a name."""

    line: int
    name: str
    module: str | None


@dataclass(frozen=True, slots=True)
class Perform:
    """Perform an action whose results do not matter."""

    line: int
    action: Action


@dataclass(frozen=True, slots=True)
class AssertReturn:
    """An action that must return what matches."""

    line: int
    action: Action
    results: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class AssertTrap:
    """An action, or an instantiation, that must trap."""

    line: int
    action: Action | ModuleSource
    message: str


@dataclass(frozen=True, slots=True)
class AssertExhaustion:
    """An action that must use up a resource."""

    line: int
    action: Action
    message: str


@dataclass(frozen=True, slots=True)
class AssertException:
    """An action that must end in an exception that the guest threw."""

    line: int
    action: Action


@dataclass(frozen=True, slots=True)
class AssertMalformed:
    """A module that must not decode or parse. `is_custom` means: because of an annotation or a custom section."""

    line: int
    module: ModuleSource
    message: str
    is_custom: bool = False


@dataclass(frozen=True, slots=True)
class AssertInvalid:
    """A module that must not validate. `is_custom` means: because of an annotation or a custom section."""

    line: int
    module: ModuleSource
    message: str
    is_custom: bool = False


@dataclass(frozen=True, slots=True)
class AssertUnlinkable:
    """A module whose imports must not be found or not match."""

    line: int
    module: ModuleSource
    message: str


@dataclass(frozen=True, slots=True)
class Thread:
    """Commands that run in a thread of their own, which sees one of the script's instances."""

    line: int
    name: str | None
    shared: str | None
    commands: tuple[Command, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for a thread."""

    line: int
    name: str | None


Command: TypeAlias = (
    DefineModule
    | Instantiate
    | Register
    | Perform
    | AssertReturn
    | AssertTrap
    | AssertExhaustion
    | AssertException
    | AssertMalformed
    | AssertInvalid
    | AssertUnlinkable
    | Thread
    | Wait
)
