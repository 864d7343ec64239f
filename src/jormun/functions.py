"""What wraps functions, of `functools` and `contextlib`, without importing them: 3 ms, with what they import.

Type checkers see the standard library's. What differs: a context manager is no decorator, and can be entered once.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import contextmanager as contextmanager
    from contextlib import nullcontext as nullcontext
    from functools import cache as cache
    from functools import cached_property as cached_property
    from functools import lru_cache as lru_cache
    from functools import partial as partial
else:
    from _functools import _lru_cache_wrapper
    from _functools import partial as partial

    def lru_cache(maxsize):
        """Keep the results of the latest calls."""
        return lambda function: _lru_cache_wrapper(function, maxsize, False, tuple)

    cache = lru_cache(None)

    class cached_property:
        """A property that is worked out when it is first asked for. Its objects have a `__dict__`."""

        def __init__(self, function):
            self._function = function
            self.__doc__ = function.__doc__

        def __set_name__(self, owner, name):
            self._name = name

        def __get__(self, value, owner=None):
            if value is None:
                return self
            return value.__dict__.setdefault(self._name, self._function(value))

    class _Block:
        """A context manager, of a generator that yields once."""

        __slots__ = ("_generator",)

        def __init__(self, generator):
            self._generator = generator

        def __enter__(self):
            return next(self._generator)

        def __exit__(self, kind, error, traceback):
            if error is None:
                next(self._generator, None)
                return False
            try:
                self._generator.throw(error)
            except StopIteration as end:  # the generator goes on after the error, or this is the error
                return end is not error
            except BaseException as raised:
                # A StopIteration leaves a generator as the cause of a RuntimeError.
                is_wrapped = isinstance(error, StopIteration) and isinstance(raised, RuntimeError)
                if raised is error or (is_wrapped and raised.__cause__ is error):
                    error.__traceback__ = traceback
                    return False
                raise
            raise RuntimeError("generator didn't stop after throw()")

    def contextmanager(function):
        """A context manager of a generator function, whose one `yield` is where the block runs."""
        return lambda *values, **named: _Block(function(*values, **named))

    class nullcontext:
        """A context manager that does nothing."""

        def __enter__(self):
            return None

        def __exit__(self, kind, error, traceback):
            return False
