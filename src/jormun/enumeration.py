"""`enum.Enum` and `enum.IntEnum`, as much of them as Jormun uses, for what is imported at each start.

Importing the standard library's takes 2 ms, and each of its members 15 us, half a dozen times what one takes here. Type
checkers see the standard library's. What differs: there are no flags and no aliases, members are told from
what else a class has by being no functions, and `isinstance` does not know them as members of `enum.Enum`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enum import Enum as Enum
    from enum import IntEnum as IntEnum
    from enum import auto as auto
    from enum import unique as unique
else:

    class auto:
        """The value of a member that is one more than the last one's, from 1 on."""

    # FAST: to ask each number for what descriptors have takes 3 us, the time of the error that says that it has not.
    _NO_MEMBERS = (type(lambda: None), property, classmethod, staticmethod)

    def _is_member(key, value):
        return not key.startswith("_") and type(value) not in _NO_MEMBERS

    class _EnumType(type):
        """The class of such classes, whose members it makes of what their bodies say."""

        def __new__(cls, name, bases, body):
            values = {key: body.pop(key) for key in [key for key in body if _is_member(key, body[key])]}
            made = type.__new__(cls, name, bases, body)
            made._members, made._of_values = members, of_values = {}, {}
            make = int.__new__ if issubclass(made, int) else lambda made, value: object.__new__(made)
            value = 0
            for key, said in values.items():
                value = value + 1 if isinstance(said, auto) else said
                member = members[key] = of_values[value] = make(made, value)
                member.name, member.value = key, value
                setattr(made, key, member)
            return made

        def __call__(cls, value):
            """The member with a value. Raises ValueError for a value that none has."""
            member = value if isinstance(value, cls) else cls._of_values.get(value)
            if member is None:
                raise ValueError(f"{value!r} is not a valid {cls.__qualname__}")
            return member

        def __getitem__(cls, name):
            return cls._members[name]

        def __iter__(cls):
            return iter(cls._members.values())

        def __len__(cls):
            return len(cls._members)

        def __contains__(cls, value):
            return isinstance(value, cls) or value in cls._of_values

        def __bool__(cls):
            return True

        @property
        def __members__(cls):
            """The members by their names; a copy."""
            return dict(cls._members)

    class Enum(metaclass=_EnumType):
        """What has a few members, each with a name and a value."""

        def __str__(self):
            return f"{type(self).__name__}.{self.name}"

        def __repr__(self):
            return f"<{type(self).__name__}.{self.name}: {self.value!r}>"

        def __reduce__(self):
            """What pickle and copy find the member by."""
            return type(self), (self.value,)

    class IntEnum(int, Enum):
        """What has a few members, which are numbers."""

        __repr__ = Enum.__repr__
        __str__ = int.__repr__
        __format__ = int.__format__

    def unique(cls):
        """The class, no two members of which have one value."""
        assert len(cls._members) == len(cls._of_values), f"two members of {cls.__name__} have one value"
        return cls
