"""`dataclasses.dataclass`, as much of it as Jormun uses, for what is imported at each start.

Importing the standard library's takes 8 ms and each class 0.5 ms, since it writes and compiles all methods of each;
this compiles `__init__` alone, for classes of many objects. Type checkers see the standard library's. What differs:
nothing is inherited from other dataclasses, there is no `fields()`, and mypyc cannot compile them: modules that it
compiles have classes that are written out.
"""

from __future__ import annotations

from _operator import attrgetter  # operator's own, without its Python

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import replace as replace
else:
    _MISSING = object()
    _FEW = 20
    """Compiling `__init__` takes as long as making so many objects without."""

    class _Field:
        """What `field` says of one."""

        def __init__(self, default, default_factory, compare, repr):
            self.default = default
            self.default_factory = default_factory
            self.compare = compare
            self.repr = repr

    def field(*, default=_MISSING, default_factory=_MISSING, compare=True, repr=True):
        """A field with a default, or out of comparisons or the representation."""
        return _Field(default, default_factory, compare, repr)

    def replace(value, **changes):
        """A copy with other values for some fields."""
        names = type(value).__match_args__
        return type(value)(**{**{name: getattr(value, name) for name in names}, **changes})

    def dataclass(*, slots, frozen=False):
        """What makes a class one with slots, and methods by the annotations in its body."""
        assert slots, "a dataclass has slots"
        return lambda cls: _made(cls, frozen)

    def _made(cls, frozen):
        body = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
        fields = {}
        for name in body.get("__annotations__") or cls.__annotations__:
            default = body.pop(name, _MISSING)
            fields[name] = default if isinstance(default, _Field) else _Field(default, _MISSING, True, True)
        body["__slots__"] = body["__match_args__"] = tuple(fields)
        has_post_init = "__post_init__" in body

        left = _FEW

        def __init__(self, *values, **named):
            # One of the first objects of the class: most classes have few in most runs.
            nonlocal left
            left -= 1
            if left < 0 or not _fill(self, fields, values, named):
                made.__init__ = _init(fields, frozen, has_post_init)
                made.__init__(self, *values, **named)
            elif has_post_init:
                self.__post_init__()

        for method in (__init__, *_comparisons(fields, frozen)):
            body.setdefault(method.__name__, method)
        body.setdefault("__repr__", _repr(fields))
        body.setdefault("__reduce__", _reduce)
        if frozen:
            body["__setattr__"] = body["__delattr__"] = _refuse
        else:
            body.setdefault("__hash__", None)
        made = type(cls)(cls.__name__, cls.__bases__, body)
        made.__qualname__ = cls.__qualname__
        return made

    def _fill(value, fields, values, named):
        """Set an object's fields; False if the arguments are not as they should be, which `__init__` will say."""
        given = dict(zip(fields, values, strict=False))
        if len(given) < len(values) or named.keys() & given.keys():
            return False
        given.update(named)
        for name, each in fields.items():
            if name in given:
                content = given.pop(name)
            elif each.default is not _MISSING:
                content = each.default
            elif each.default_factory is not _MISSING:
                content = each.default_factory()
            else:
                return False
            object.__setattr__(value, name, content)
        return not given

    def _init(fields, frozen, has_post_init):
        """`__init__`, compiled: a loop over the fields would take three times as long."""
        scope = {"_missing": _MISSING, "_set": object.__setattr__}
        params, lines = ["self"], []
        for name, each in fields.items():
            value = name
            if each.default is not _MISSING:
                scope[f"_of_{name}"] = each.default
                params.append(f"{name}=_of_{name}")
            elif each.default_factory is not _MISSING:
                scope[f"_of_{name}"] = each.default_factory
                params.append(f"{name}=_missing")
                value = f"_of_{name}() if {name} is _missing else {name}"
            else:
                params.append(name)
            lines.append(f" _set(self, {name!r}, {value})" if frozen else f" self.{name} = {value}")
        lines.append(" self.__post_init__()" if has_post_init else " pass")
        exec("\n".join([f"def __init__({', '.join(params)}):", *lines]), scope)
        return scope["__init__"]

    def _comparisons(fields, frozen):
        names = [name for name, each in fields.items() if each.compare]
        key = attrgetter(*names) if names else bool

        def __eq__(self, other):
            return key(self) == key(other) if other.__class__ is self.__class__ else NotImplemented

        methods = [__eq__]
        if frozen:

            def __hash__(self):
                return hash(key(self))

            methods.append(__hash__)
        return methods

    def _repr(fields):
        names = [name for name, each in fields.items() if each.repr]

        def __repr__(self):
            return f"{type(self).__qualname__}({', '.join([f'{name}={getattr(self, name)!r}' for name in names])})"

        return __repr__

    def _reduce(self):
        """What pickle and copy make a copy by."""
        return type(self), tuple([getattr(self, name) for name in self.__match_args__])

    def _refuse(self, name, *value):
        raise AttributeError(f"{type(self).__name__}.{name} cannot be changed: its objects are values")
