"""NumPy's universal functions with loops of our own, through NumPy's table of C functions.

NumPy is imported when the first is made. Its objects hold addresses of what we give it and never free any: the ufunc's
field `obj`, which is there for this, keeps them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

from jormun.errors import WasmError
from jormun.hints import TYPE_CHECKING, Any
from jormun.runtime.arrays import load_numpy
from jormun.runtime.image import CodeImage
from jormun.runtime.native import pages
from jormun.runtime.native.code import OwnedCode
from jormun.runtime.native.machine import Native

if TYPE_CHECKING:
    import numpy

# The record that the function for NumPy (optimizing/ufunc_loop.py) is given as its data.
CALLABLE = 0
"""ptr: the Python object that is called with the address of what NumPy passed: operands, count, steps, a u64 each."""
SPENT = 8
"""u64: how many elements were computed since that was last called. A hint, which threads may overwrite."""
IS_CLOSED = 16
"""u64: not 0 when the store is closed."""
FUNCTIONS = 24
"""The addresses of OUTSIDE."""
OUTSIDE = (
    "PyGILState_Ensure", "PyGILState_Release", "PyErr_Occurred", "PyLong_FromVoidPtr", "PyObject_CallFunctionObjArgs",
    "Py_IncRef", "Py_DecRef", "feclearexcept",
)  # fmt: skip
_RECORD_BYTES = FUNCTIONS + 8 * len(OUTSIDE)

# Of PyUFunc_API, NumPy's table for extension modules (numpy/__ufunc_api.h), and PyUFuncObject (numpy/ufuncobject.h).
_FROM_FUNC_AND_DATA = 1
_OBJ = 72
"""Where behind its header a ufunc holds the object that it keeps, or 0. Extension modules are compiled with it."""
NO_IDENTITY = -1
"""PyUFunc_None; 0 and 1 are the identities of their value."""


class Closer:
    """What a store keeps for a ufunc: when the store gives it up, the ufunc asks Python about each call."""

    __slots__ = ("_is_closed",)

    def __init__(self, record: pages.Block) -> None:
        self._is_closed = record.view()[IS_CLOSED : IS_CLOSED + 8]

    def __del__(self) -> None:
        self._is_closed[0] = 1


class UfuncCode:
    """The code of a ufunc and the record that it is given; kept by the ufunc."""

    def __init__(self, image: CodeImage, loop_offset: int, ufunc_offset: int, owner: object) -> None:
        """Load code that optimizing/ufunc.py made. `owner` names its functions in backtraces."""
        loaded = Native.get().load(image, owner)
        self._owned = OwnedCode()  # whoever calls the ufunc holds it, and so this
        self._owned.append(loaded)
        self.loop = loaded.address + loop_offset
        """The address of the guest's loop: (operands, count, steps), i64 each."""
        self.address = loaded.address + ufunc_offset
        """The address of what NumPy calls."""
        self.record = pages.Block(_RECORD_BYTES, 16)
        for k, name in enumerate(OUTSIDE):
            address = pages.python_address(name) if name.startswith("Py") else pages.libm_address(name)
            self.record.write_u64(FUNCTIONS + 8 * k, address)
        self._callable: Callable[[int], object] | None = None
        self._kept: tuple[object, ...] = ()

    def closer(self) -> Closer:
        """What the store is to keep."""
        return Closer(self.record)

    def ufunc(
        self,
        types: Sequence[Sequence[str]],
        inputs: int,
        identity: int,
        name: str,
        doc: str,
        ask: Callable[[int, int, int], object],
    ) -> numpy.ufunc:
        """The ufunc. `types` names the types of all operands for each row of types that it takes, in order: NumPy takes
        the first that an argument can be cast to safely. `ask` runs the loop; what it raises is raised by the ufunc.
        """
        np = load_numpy()
        read = pages.words(3)

        def call(asked: int) -> None:
            args, count, steps = read(asked)
            ask(args, count, steps)

        rows, operands = len(types), len(types[0])
        numbers = [np.dtype(t).num for row in types for t in row]
        functions = (ctypes.c_void_p * rows)(*[self.address] * rows)
        data = (ctypes.c_void_p * rows)(*[self.record.address] * rows)
        codes = (ctypes.c_char * len(numbers))(*numbers)
        names = (name.encode(), doc.encode())
        self._callable = call
        self._kept = (functions, data, codes, *names)
        self.record.write_u64(CALLABLE, id(call))
        made: Any = _from_func_and_data(np)(
            functions, data, codes, rows, inputs, operands - inputs, identity, *names, 0
        )
        # The ufunc is new and keeps nothing yet; it gives this reference up when it dies.
        keeper = pages.read_u64(id(made) + object.__basicsize__ + _OBJ)
        assert keeper == 0
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))
        pages.write_u64(id(made) + object.__basicsize__ + _OBJ, id(self))
        if not ctypes.pythonapi.PyObject_GC_IsTracked(ctypes.py_object(made)):
            # NumPy's own keep nothing, so that it does not tell the garbage collector of them; this one does.
            ctypes.pythonapi.PyObject_GC_Track(ctypes.py_object(made))
        ufunc: numpy.ufunc = made
        return ufunc


def _from_func_and_data(np: Any) -> Any:
    """NumPy's C function PyUFunc_FromFuncAndData, in the table that it gives to extension modules."""
    try:
        capsule = np._core._multiarray_umath._UFUNC_API
    except AttributeError:
        raise WasmError(f"NumPy {np.__version__} is not supported: 2.0 or later is") from None
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.argtypes, pointer.restype = [ctypes.py_object, ctypes.c_char_p], ctypes.c_void_p
    table = pointer(capsule, None)
    function = pages.read_u64(table + 8 * _FROM_FUNC_AND_DATA)
    prototype = ctypes.PYFUNCTYPE(
        ctypes.py_object, *[ctypes.c_void_p] * 3, *[ctypes.c_int] * 4, *[ctypes.c_char_p] * 2, ctypes.c_int
    )
    return prototype(function)
