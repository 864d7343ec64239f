"""The name section (core specification, appendix 7.4.1, with the subsections of the extended-name-section proposal).

Here, below both formats, because the binary one keeps names as a custom section and the text one as identifiers.
"""

from __future__ import annotations

from jormun.dataclass import dataclass, field
from jormun.enumeration import Enum, unique
from jormun.errors import MalformedError
from jormun.hints import Mapping, TypeAlias
from jormun.syntax.leb128 import UNEXPECTED_END, read_u32, write_unsigned
from jormun.syntax.module import Module
from jormun.types import ExternKind

NAME_SECTION = "name"
"""The name of the custom section that holds names."""

NameMap: TypeAlias = Mapping[int, str]
"""A name by index."""
IndirectNameMap: TypeAlias = Mapping[int, NameMap]
"""Names by index, by the index of what they belong to."""


@unique
class Subsection(Enum):
    """A subsection; the value is its id, by which subsections are ordered."""

    MODULE = 0
    FUNCTION = 1
    LOCAL = 2
    LABEL = 3
    TYPE = 4
    TABLE = 5
    MEMORY = 6
    GLOBAL = 7
    ELEMENT = 8
    DATA = 9
    FIELD = 10
    TAG = 11


SUBSECTION_OF: dict[ExternKind, Subsection] = {
    ExternKind.FUNC: Subsection.FUNCTION,
    ExternKind.TABLE: Subsection.TABLE,
    ExternKind.MEMORY: Subsection.MEMORY,
    ExternKind.GLOBAL: Subsection.GLOBAL,
    ExternKind.TAG: Subsection.TAG,
}
"""Where the names of what can be imported and exported are."""
_INDIRECT = frozenset({Subsection.LOCAL, Subsection.LABEL, Subsection.FIELD})


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a module and its parts."""

    module: str | None = None
    direct: Mapping[Subsection, NameMap] = field(default_factory=dict)
    """Names of entries of the index space that a subsection stands for."""
    indirect: Mapping[Subsection, IndirectNameMap] = field(default_factory=dict)
    """Names of locals and labels by function index, and of fields by type index. Labels count the blocks of a function
    in the order in which they begin."""

    def of(self, subsection: Subsection) -> NameMap:
        """The names of an index space; empty if there are none."""
        return self.direct.get(subsection, {})

    def within(self, subsection: Subsection, index: int) -> NameMap:
        """The names of locals, labels or fields of one function or type; empty if there are none."""
        return self.indirect.get(subsection, {}).get(index, {})

    def __bool__(self) -> bool:
        return self.module is not None or any(self.direct.values()) or any(self.indirect.values())


def encode_names(names: Names) -> bytes:
    """The contents of a name section that says `names`, in canonical form: everything ascending, nothing empty."""
    out = bytearray()
    for subsection in Subsection:
        content = bytearray()
        if subsection is Subsection.MODULE:
            if names.module is not None:
                write_name(content, names.module)
        elif subsection in _INDIRECT:
            groups = [(index, group) for index, group in sorted(names.indirect.get(subsection, {}).items()) if group]
            if groups:
                write_unsigned(content, len(groups))
            for index, group in groups:
                write_unsigned(content, index)
                _write_map(content, group)
        elif names.of(subsection):
            _write_map(content, names.of(subsection))
        if content:
            out.append(subsection.value)
            write_unsigned(out, len(content))
            out += content
    return bytes(out)


def write_name(out: bytearray, name: str) -> None:
    """Append a name: its length in bytes, and UTF-8 (5.2.4)."""
    encoded = name.encode()
    write_unsigned(out, len(encoded))
    out += encoded


def _write_map(out: bytearray, names: NameMap) -> None:
    write_unsigned(out, len(names))
    for index, name in sorted(names.items()):
        write_unsigned(out, index)
        write_name(out, name)


def names_of(module: Module) -> Names:
    """The names that a module's name section says; none if it has no such section."""
    for custom in module.customs:
        if custom.name == NAME_SECTION:
            return decode_names(custom.data)
    return Names()


def decode_names(data: bytes) -> Names:
    """The names that the contents of a name section say.

    A broken name section does not make a module malformed, and half of the names are better than none: a subsection is
    read up to where it breaks the format, and one with an unknown id is passed over.
    """
    module: str | None = None
    direct: dict[Subsection, NameMap] = {}
    indirect: dict[Subsection, IndirectNameMap] = {}
    at = 0
    while at < len(data):
        id = data[at]
        try:
            size_bytes, start = read_u32(data, at + 1)
        except MalformedError:
            break
        at = start + size_bytes
        subsection = _SUBSECTIONS.get(id)
        if subsection is None:
            continue
        reader = _Reader(data, start, min(at, len(data)))
        try:
            if subsection is Subsection.MODULE:
                module = reader.name()
            elif subsection in _INDIRECT:
                groups: dict[int, NameMap] = {}
                indirect[subsection] = groups
                reader.indirect_map(groups)
            else:
                names: dict[int, str] = {}
                direct[subsection] = names
                reader.map(names)
        except MalformedError:
            continue
    return Names(module, direct, indirect)


_SUBSECTIONS: dict[int, Subsection] = {subsection.value: subsection for subsection in Subsection}


class _Reader:
    """Reads the parts of a subsection that ends at `end`."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self.data = data
        self.at = at
        self.end = end

    def u32(self) -> int:
        value, at = read_u32(self.data, self.at)
        if at > self.end:
            raise MalformedError(UNEXPECTED_END, offset=self.end)
        self.at = at
        return value

    def name(self) -> str:
        start = self.at
        size_bytes = self.u32()
        at = self.at
        if size_bytes > self.end - at:
            raise MalformedError("length out of bounds", offset=start)
        self.at = at + size_bytes
        try:
            return self.data[at : self.at].decode()
        except UnicodeDecodeError as error:
            raise MalformedError("malformed UTF-8 encoding", offset=at + error.start) from error

    def map(self, names: dict[int, str]) -> None:
        for _ in range(self.u32()):
            index = self.u32()
            names[index] = self.name()

    def indirect_map(self, groups: dict[int, NameMap]) -> None:
        for _ in range(self.u32()):
            index = self.u32()
            names: dict[int, str] = {}
            groups[index] = names
            self.map(names)
