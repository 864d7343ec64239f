"""WebAssembly functions as NumPy's universal functions."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from jormun.hints import TYPE_CHECKING, Any
from jormun.runtime import layout
from jormun.runtime.arrays import load_numpy
from jormun.runtime.function import Function, call_native
from jormun.runtime.module import CompiledModule
from jormun.runtime.module_instance import ModuleInstance
from jormun.runtime.native import pages
from jormun.runtime.owners import owner_of
from jormun.runtime.slots import slots_of
from jormun.types import F32, F64, I32, I64, FuncType, NumType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy

    from jormun.optimizing.ufunc import UfuncImage

_SIGNED = {I32: "int32", I64: "int64", F32: "float32", F64: "float64"}
_UNSIGNED = {**_SIGNED, I32: "uint32", I64: "uint64"}
_MOST_OPERANDS = 32
"""NumPy's bound (NPY_MAXARGS), as it was before NumPy 2."""
_TAKEN_NAMES = ("add", "multiply")
"""NumPy reduces small integers as large ones where a ufunc has such a name, and finds no loop for that then."""
_LOOP = slots_of(FuncType((I64, I64, I64), ()))
_images: WeakKeyDictionary[CompiledModule, dict[int, UfuncImage]] = WeakKeyDictionary()
"""By function index. A cache: what is in it depends on the keys alone."""


def vectorize(function: Callable[..., Any], *, identity: int | None = None) -> numpy.ufunc:
    """A NumPy ufunc of a WebAssembly function, which it calls for each element of arrays.

    The loop is compiled together with the function, by LLVM, which inlines it and uses vector instructions where it
    can. As with any ufunc there are broadcasting, `out=`, `where=`, `dtype=`, `reduce` and the like. i32 and i64 are
    int32 and int64, or, where all integers that are given are unsigned, uint32 and uint64; f32 and f64 are float32 and
    float64. Arrays of other types are converted where that is safe; `casting=` and `signature=` allow more. Several
    results are several arrays. `identity`, 0 or 1, is what `reduce` gives for no elements.

    The function must take numbers and return some, and be a module's own. Making the first ufunc of a module's function
    takes LLVM some 50 ms or more. It keeps the function's store alive; what the function writes to memory or globals
    stays. Raises TypeError for a function that cannot be vectorized, ImportError without NumPy.

    Calling the ufunc raises what the function would: a trap ends it, with some elements computed. Ctrl-C and
    `Instance.interrupt` end it, and `Limits.timeout` counts for each stretch of elements that NumPy asks for at once,
    which for arrays without gaps is the whole. In a closed store it raises WasmError.

    >>> import jormun, numpy
    >>> poly = jormun.load('''(module (func (export "poly") (param f64) (result f64)
    ...   (f64.add (f64.mul (local.get 0) (local.get 0)) (f64.const 1))))''').exports.poly
    >>> jormun.vectorize(poly)(numpy.arange(4))
    array([ 1.,  2.,  5., 10.])
    """
    if not isinstance(function, Function):
        kind = type(function).__name__
        raise TypeError(f"a WebAssembly function is vectorized, as an instance exports it, not {kind}")
    operands = _operands(function)
    if identity not in (None, 0, 1):
        raise ValueError(f"identity is 0, 1 or None, not {identity!r}")
    vm = pages.read_u64(function.address + layout.FUNCTION_VM)
    owner = owner_of(pages.read_u64(vm + layout.VM_INSTANCE_KEY))
    if not isinstance(owner, ModuleInstance):
        raise TypeError(f"{function.__name__} is a host function: numpy.frompyfunc and numpy.vectorize are for those")
    store = function.store
    store.owned  # noqa: B018, raises if the store is closed
    load_numpy()  # before anything is compiled
    from jormun.optimizing.ufunc import ufunc_image
    from jormun.runtime.native.ufuncs import NO_IDENTITY, UfuncCode

    compiled = owner.compiled
    compiled.fill(owner.parts)  # the loop has the function's code in it, and does not go by its record
    func_index = pages.read_u64(function.address + layout.FUNCTION_COOKIE)
    images = _images.setdefault(compiled, {})
    made = images.get(func_index)
    if made is None:
        made = images[func_index] = ufunc_image(
            compiled.valid, compiled.layout, compiled.call_graph, func_index, compiled.engine.costs
        )
    code = UfuncCode(made.image, made.loop_offset, made.ufunc_offset, compiled)
    loop = code.loop

    def ask(args: int, count: int, steps: int) -> None:
        call_native(function.store, _LOOP, loop, vm, (args, count, steps), function, len)

    if made.is_plain:
        store.keep(code.closer())
    name = function.__name__
    rows = [[names[t] for t in operands] for names in (_SIGNED, _UNSIGNED)]
    return code.ufunc(
        rows if rows[0] != rows[1] else rows[:1],
        len(function.func_type.params),
        NO_IDENTITY if identity is None else identity,
        f"{name}_" if name in _TAKEN_NAMES else name,
        function.__doc__ or "",
        ask,
    )


def _operands(function: Function) -> Sequence[NumType]:
    """The types of the operands of a ufunc. Raises TypeError for a function that cannot be one."""
    name, t = function.__name__, function.func_type
    operands = []
    for each in (*t.params, *t.results):
        if not isinstance(each, NumType):
            raise TypeError(f"{name} has type {t}, and only functions of numbers are vectorized: {each} is none")
        operands.append(each)
    if not t.params or not t.results:
        raise TypeError(f"{name} has type {t}, and a ufunc has parameters and results")
    if len(operands) > _MOST_OPERANDS:
        raise TypeError(f"{name} has {len(operands)} parameters and results, and a ufunc {_MOST_OPERANDS} at most")
    return operands
