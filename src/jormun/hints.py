"""The names of `typing`, of `collections.abc` and of mypyc's native integers, for annotations, without importing them:
typing takes 5 ms, and collections.abc, as a part of collections, 2 ms.

Type checkers and mypyc see the true ones. At run time annotations are text, so that the names alone have to be there;
protocols are classes, and one that is `runtime_checkable` is found out by its members, as typing does.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own would be typing's import; type checkers know it by its name
if TYPE_CHECKING:
    from collections.abc import Callable as Callable
    from collections.abc import Iterable as Iterable
    from collections.abc import Iterator as Iterator
    from collections.abc import Mapping as Mapping
    from collections.abc import Sequence as Sequence
    from collections.abc import Sized as Sized
    from types import TracebackType as TracebackType
    from typing import Any as Any
    from typing import BinaryIO as BinaryIO
    from typing import Final as Final
    from typing import NoReturn as NoReturn
    from typing import Protocol as Protocol
    from typing import SupportsIndex as SupportsIndex
    from typing import TextIO as TextIO
    from typing import TypeAlias as TypeAlias
    from typing import TypeVar as TypeVar
    from typing import cast as cast
    from typing import overload as overload
    from typing import runtime_checkable as runtime_checkable

    from mypy_extensions import i32 as i32
    from mypy_extensions import i64 as i64
    from mypy_extensions import mypyc_attr as mypyc_attr
    from mypy_extensions import u8 as u8

    def members_of(protocol: type) -> Sequence[str]:
        """The names that a protocol has, those of protocols that it inherits from among them."""
else:
    # Which every Python has imported.
    from _collections_abc import Callable as Callable
    from _collections_abc import Iterable as Iterable
    from _collections_abc import Iterator as Iterator
    from _collections_abc import Mapping as Mapping
    from _collections_abc import Sequence as Sequence
    from _collections_abc import Sized as Sized

    i32 = i64 = u8 = int  # where it is not compiled, a native integer is one like any other

    def mypyc_attr(**_):
        """What mypyc is to know of a class."""
        return lambda cls: cls

    Any = BinaryIO = Final = NoReturn = TextIO = TracebackType = TypeAlias = object()

    def cast(t, value):
        """The value, which type checkers take for one of this type."""
        return value

    def overload(function):
        """One of the types of a function, of which the last definition is the function itself."""
        return function

    def TypeVar(name, **_):
        """A type variable, which stands for nothing at run time."""

    _MOST_KNOWN = 64

    class _Members:
        """A protocol, as what it is asked for: not a class, which takes 50 us to make, but an object that `isinstance`
        takes for one.
        """

        def __init__(self, names):
            self._names = names
            self._is_checkable = False
            self._known = frozenset()

        def __mro_entries__(self, bases):
            """What a class that names the protocol as its base inherits of it: nothing."""
            return ()

        def __instancecheck__(self, value):
            known, its_class = self._known, type(value)
            if its_class in known:
                return True
            if not self._is_checkable:
                raise TypeError("only a protocol that is runtime_checkable can be asked for")
            has_all = all(hasattr(value, name) for name in self._names)
            if has_all and len(known) < _MOST_KNOWN and all(hasattr(its_class, name) for name in self._names):
                # FAST: all its objects have them; a look is a tenth of the questions.
                self._known = known | {its_class}
            return has_all

        def __getitem__(self, variables):
            return self

        def __or__(self, other):
            return self

        __ror__ = __or__

    class _ProtocolType(type):
        def __new__(cls, name, bases, body):
            if not bases:
                return type.__new__(cls, name, bases, body)
            inherited = [each for base in body.get("__orig_bases__", ()) for each in getattr(base, "_names", ())]
            return _Members([*inherited, *[each for each in body if not each.startswith("__")]])

        def __getitem__(cls, variables):
            return cls

    class Protocol(metaclass=_ProtocolType):
        """What classes may have in common without knowing of it."""

    def runtime_checkable(protocol):
        """Let `isinstance` answer whether a value has the protocol's members."""
        protocol._is_checkable = True
        return protocol

    def members_of(protocol):
        """The names that a protocol has, those of protocols that it inherits from among them."""
        return protocol._names

    SupportsIndex = runtime_checkable(_Members(["__index__"]))
    """What is an integer to Python."""
