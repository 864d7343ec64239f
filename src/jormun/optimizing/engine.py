"""The engine: functions of a valid module in, code images out."""

from __future__ import annotations

import os
import pickle
import queue
import threading
from collections.abc import Iterator, Sequence

from jormun.errors import WasmError
from jormun.llvm.pipeline import Effort, assembly_of, compile_text
from jormun.llvm.target import Target, host
from jormun.optimizing.code_image import code_image
from jormun.optimizing.shapes import ModuleShape
from jormun.optimizing.unit import Unit, make_unit
from jormun.optimizing.worker import Worker
from jormun.runtime.engine import LoopHead, Progress
from jormun.runtime.image import CodeImage
from jormun.runtime.layout import Layout
from jormun.runtime.metering.costs import Costs
from jormun.validation.module import ValidModule

UNIT_BYTES = 48_000
"""About how many bytes of function bodies one object of `compile_all` takes: large enough for most calls to stay within
it, where they are direct, small enough to keep all cores busy to the end."""
FULLY_OPTIMIZED_BYTES = 2_000
"""Hot functions that have more than this together are optimized briefly. All of LLVM's optimizer takes 2 to 5 times as
long, seconds for the loop of an interpreter, and makes code that is 2 % faster (the geometric mean of the 46 programs
of benchmarks/; from 17 % slower to 14 % faster), since the compilers that wrote the modules have inlined and unrolled.
What gains by more are small loops that those left alone."""
IN_PROCESS_BYTES = 24_000
"""A module whose bodies take no more than this is compiled without starting processes."""


class OptimizingEngine:
    """LLVM's optimizer and code generator, behind the `Engine` protocol. It generates code for this machine, or for
    `target`; metered by `costs`, if there are such.
    """

    name = "optimizing"
    optimizer = None

    def __init__(self, target: Target | None = None, costs: Costs | None = None) -> None:
        self._target = target
        self.costs = costs

    @property
    def target(self) -> Target:
        """The machine that code is for. Raises WasmError where that is this one, and it is too old."""
        return host() if self._target is None else self._target

    def compile(
        self, module: ValidModule, layout: Layout, functions: Sequence[int], loops: Sequence[LoopHead] = ()
    ) -> CodeImage:
        """Code that has these functions, given by index, and the entries at these loops.

        Raises UnsupportedError for a function with an instruction that this tier does not have, and for a loop that
        does not exist or that is never reached.
        """
        return code_image(self._object(make_unit(self._shape(module, layout), functions, loops)))

    def assembly(self, module: ValidModule, layout: Layout, func_index: int) -> str:
        """The machine code of a function that the module defines, as assembly, for people to read.

        It is what `compile` makes of this function alone. Raises UnsupportedError as that does.
        """
        unit = make_unit(self._shape(module, layout), (func_index,))
        return assembly_of(unit.text, self.target, unit.effort, unit.most_phis)

    def object_of_supported(self, module: ValidModule, layout: Layout, functions: Sequence[int]) -> bytes:
        """The object file of these functions, without those that this tier cannot compile."""
        return self._object(make_unit(self._shape(module, layout), functions, skips_unsupported=True))

    def improve(
        self, module: ValidModule, layout: Layout, functions: Sequence[int], loops: Sequence[LoopHead] = ()
    ) -> CodeImage:
        """Like `compile`, for functions that run already: those are left out, and the entries at their loops, that this
        tier cannot compile or that LLVM's optimizer would take minutes for. It is done when the machine has time, and
        large units are optimized briefly.
        """
        unit = make_unit(self._shape(module, layout), functions, loops, skips_unsupported=True, skips_hard=True)
        first = module.imported_function_count
        each = [*functions, *(loop.func_index for loop in loops)]
        size_bytes = sum(module.module.functions[func_index - first].body.size_bytes for func_index in each)
        is_brief = unit.effort is Effort.FULL and size_bytes > FULLY_OPTIMIZED_BYTES
        effort = Effort.BRIEF if is_brief else unit.effort
        return code_image(compile_text(unit.text, self.target, effort, unit.most_phis, is_background=True))

    def compile_all(self, module: ValidModule, layout: Layout, progress: Progress | None = None) -> Iterator[CodeImage]:
        """Images that together have each function that this tier can compile; uses all cores.

        `progress` is called from this thread.
        """
        units = partition(module)
        total = sum(map(len, units))
        done = 0
        for functions, compiled in self._compile_units(module, layout, units):
            done += len(functions)
            if progress is not None:
                progress(done, total)
            yield code_image(compiled)

    def _compile_units(
        self, module: ValidModule, layout: Layout, units: list[list[int]]
    ) -> Iterator[tuple[list[int], bytes]]:
        size_bytes = sum(function.body.size_bytes for function in module.module.functions)
        count = min(os.cpu_count() or 1, len(units))
        if count < 2 or size_bytes <= IN_PROCESS_BYTES:
            for functions in units:
                yield functions, self.object_of_supported(module, layout, functions)
            return
        tasks: queue.SimpleQueue[list[int]] = queue.SimpleQueue()
        for functions in units:
            tasks.put(functions)
        answers: queue.SimpleQueue[tuple[list[int], bytes] | BaseException] = queue.SimpleQueue()
        pickled = pickle.dumps((module, self._target, self.costs))
        workers = [Worker(pickled) for _ in range(count)]
        for worker in workers:
            threading.Thread(target=_drive, args=(worker, tasks, answers), daemon=True).start()
        try:
            for _ in units:
                answer = answers.get()
                if isinstance(answer, BaseException):
                    raise answer
                yield answer
        finally:
            for worker in workers:
                worker.close()

    def _shape(self, module: ValidModule, layout: Layout) -> ModuleShape:
        return ModuleShape(module, layout, self.target.architecture, self.costs)

    def _object(self, unit: Unit) -> bytes:
        return compile_text(unit.text, self.target, unit.effort, unit.most_phis)


def _drive(
    worker: Worker,
    tasks: queue.SimpleQueue[list[int]],
    answers: queue.SimpleQueue[tuple[list[int], bytes] | BaseException],
) -> None:
    """Feed one worker from the queue until it is empty."""
    while True:
        try:
            functions = tasks.get_nowait()
        except queue.Empty:
            return
        try:
            answers.put((functions, worker.compile(functions)))
        except (WasmError, OSError, ValueError) as error:
            answers.put(error)
            return


def partition(module: ValidModule) -> list[list[int]]:
    """The module's own functions, in runs of about `UNIT_BYTES`."""
    imported = module.imported_function_count
    units: list[list[int]] = [[]]
    filled = 0
    for k, function in enumerate(module.module.functions):
        size_bytes = function.body.size_bytes
        if units[-1] and filled + size_bytes > UNIT_BYTES:
            units.append([])
            filled = 0
        units[-1].append(imported + k)
        filled += size_bytes
    return [unit for unit in units if unit]
