"""Tags of exceptions (core specification, section 4.2.11)."""

from __future__ import annotations

from itertools import count

from jormun.hints import TYPE_CHECKING, NoReturn
from jormun.runtime.uncopied import uncopied
from jormun.types import DefType, FuncType, TagType

if TYPE_CHECKING:
    from jormun.runtime.store import Store

_identities = count(1)


def new_identity() -> int:
    """An identity that no tag of the process has had."""
    return next(_identities)


class Tag:
    """A kind of exception: a function type without results, told from all other tags by its identity, which is what
    makes tags equal.

    >>> import jormun
    >>> from jormun.types import I32, FuncType
    >>> store = jormun.Store()
    >>> failed = jormun.Tag(store, FuncType((I32,), ()))
    >>> jormun.load('(module (tag (export "again") (import "host" "failed") (param i32)))',
    ...     {"host": {"failed": failed}}, store=store).exports.again is failed
    True
    """

    __slots__ = ("__weakref__", "deftype", "identity", "name", "store")

    def __init__(self, store: Store, type: FuncType | DefType, name: str = "") -> None:
        """A tag that is new, for instances of `store` to import. `name` is for people to read."""
        self.store = store
        self.deftype = store.deftype(type)
        self.name = name
        self.identity = new_identity()
        """What native code compares; never used twice in a process."""

    @classmethod
    def at(cls, store: Store, deftype: DefType, identity: int, name: str = "") -> Tag:
        """The handle of a tag that is there."""
        tag = cls.__new__(cls)
        tag.store = store
        tag.deftype = deftype
        tag.identity = identity
        tag.name = name
        return tag

    @property
    def type(self) -> TagType:
        """The type, for linking."""
        return TagType(self.deftype)

    def __reduce__(self) -> NoReturn:
        raise uncopied("a tag", "it is told from all others by being itself")

    def __eq__(self, other: object) -> bool:
        return self.identity == other.identity if isinstance(other, Tag) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.identity)

    def __repr__(self) -> str:
        return f"<Tag {self.name or self.identity}: {self.deftype.composite}>"

    def __str__(self) -> str:
        return self.name or f"<Tag {self.identity}>"
