"""The door to native execution: loading code, calling guests from Python, and Python functions that guests call.

Calls take the GIL apart from the guest: `Native.call` runs machine code that releases it while the guest runs and
takes it back for each call of Python, and at the end. An exception in such a call stays set in the thread while the
guest is unwound, and leaves `Native.call` as if the guest were not there, with its traceback.
"""

from __future__ import annotations

import os
import sys

from jormun import resting
from jormun.errors import HostError, Trap, TrapKind, WasmError
from jormun.functions import cached_property, contextmanager
from jormun.hints import TYPE_CHECKING, Callable, Iterator
from jormun.locks import RLock, is_main_thread, local
from jormun.runtime import layout
from jormun.runtime.image import CodeImage
from jormun.runtime.native import backtrace, glue_data, number_layout, pages, signals
from jormun.runtime.native import c_types as ctypes
from jormun.runtime.native.built_in import BuiltIns
from jormun.runtime.native.code import CodeRegion, LoadedCode, Place
from jormun.runtime.native.glue_image import glue_image
from jormun.runtime.native.pages import Block, Protection
from jormun.runtime.native.service import ATTENTION, SERVICES, Services, holding_code, service_callables
from jormun.runtime.native.stacks import StackPool
from jormun.runtime.native.stop_record import StopRecord, wake_waiting
from jormun.runtime.native.stubs import Stubs
from jormun.runtime.native.support import check_machine
from jormun.runtime.native.tick import SLICE_S, Tick
from jormun.runtime.trap import MAX_BACKTRACE_FRAMES, frames, make_trap, note_cut

if TYPE_CHECKING:
    from types import FrameType

    from jormun.runtime.native.watch import Watch

_HOST_EXCEPTION = TrapKind.HOST_EXCEPTION.value


class Native:
    """The process's native machinery. There is one: `Native.get()`."""

    _instance: Native | None = None
    _making = RLock()

    @classmethod
    def get(cls) -> Native:
        """The one instance, made at the first call. Raises WasmError on machines that are not supported."""
        native = cls._instance
        if native is None:
            with cls._making:
                made = None if cls._instance is not None else cls()
                # A signal's handler may have made one in the middle of that: it has handed out addresses.
                native = cls._instance = cls._instance or made
        assert native is not None
        return native

    def __init__(self) -> None:
        check_machine()
        self.code = CodeRegion(glue_data.BYTES)
        self._process = Block(layout.PROCESS_RECORD_BYTES)
        self.tick = Tick(self.code.data)
        """That of the main thread."""
        self._ticks = local()
        self.symbols = self._load_glue()
        """The addresses of the glue's functions."""
        self.built_ins = BuiltIns(self.symbols)
        self.stacks = StackPool(
            self._process, self.symbols["jormun_thread_ended"], self._begin_thread, self.built_ins.note
        )
        """All guest stacks."""
        self.stubs = Stubs(self.code, self.symbols["jormun_compile_stub"])
        """What code tables begin with."""
        self._lock = RLock()
        self._services: Services | None = None
        self._callables: list[Callable[[int], None]] = []
        """All whose addresses machine code knows, or knew."""
        self._installing = 0
        self._watch: Watch | None = None
        self._wakers: dict[int, Callable[[], None]] = {}
        self._holding: set[object] = {_attend.__code__, Native._failed.__code__}
        """The code of what is called where references are in registers, or in a trace."""
        self._on_failure = self._failed  # whose address machine code knows
        self._on_thrown = _thrown
        self._write_data()
        pages.use(self.built_ins.word, self.built_ins.set_words)  # not before they find Python's functions there
        os.register_at_fork(after_in_child=self._after_fork)

    @property
    def services(self) -> int:
        """The address of the table that VM_SERVICES of each instance points to."""
        return self.code.data + glue_data.SERVICE_TABLE

    def install(self, services: Services) -> Services | None:
        """Say who answers what native code asks; returns who did before. To be called while no guest runs."""
        with self._lock:
            previous, self._services = self._services, services
            callables = service_callables(services, _attend)
            self._callables += callables
            self._holding |= holding_code(services)
            self._installing += 1  # a signal's handler may install some too: who began first ends with READ
            pages.protect(self.code.data, pages.round_up(glue_data.BYTES), pages.READ_WRITE)
            for service, function in zip(SERVICES, callables, strict=True):
                record = self.code.data + glue_data.service_record(service.name)
                pages.write_u64(record + layout.HOST_CALLABLE, id(function))
            self._installing -= 1
            if not self._installing:
                pages.protect(self.code.data, pages.round_up(glue_data.BYTES), Protection.READ)
        return previous

    def load(self, image: CodeImage, owner: object = None) -> LoadedCode:
        """Load guest code. `owner`, kept weakly, names functions in backtraces when it has `frame` (see
        trap.CodeOwner).
        """
        return self.code.load(image, owner)

    def call(self, code: int, registers: int) -> None:
        """Call guest code with the register record (runtime/layout.py) at this address, where results come back.

        Raises Trap or ExhaustionError when the guest trapped, RecursionError when Python allows no further call, and
        whatever a Python function that the guest called raised.
        """
        self.built_ins.enter(self.stacks.current().context, code, registers)

    def explain(self, left: bytes, error: BaseException) -> None:
        """Give a trap that a service raised, in a call with this trace, its backtrace; those of guests have theirs
        already. Raises RecursionError in place of an error of ctypes.
        """
        if isinstance(error, Trap):
            if not error.backtrace:
                places, is_cut = self._walk(left)
                error.backtrace = frames(places)
                note_cut(error, is_cut)
        elif isinstance(error, ctypes.ArgumentError) and _is_ours(error):
            # All arguments that we give are right: what ctypes failed at is memory, or to call anything at all.
            if MemoryError.__name__ in str(error):
                raise MemoryError from error
            raise RecursionError("maximum recursion depth exceeded while calling a guest") from error

    def _trapped(self, left: bytes) -> WasmError:
        """The exception for an activation that was left, by its trace."""
        kind, address = memoryview(left).cast("Q")[: layout.TRACE_PC]
        if kind == _HOST_EXCEPTION:
            return HostError("the stack was switched (by a greenlet?) while a guest waited for a host function")
        places, is_cut = self._walk(left)
        if address:
            from jormun.runtime.exceptions import exception_at  # few guests throw

            exception = exception_at(address)
            exception.backtrace = frames(places)
            note_cut(exception, is_cut)
            return exception
        return make_trap(TrapKind(kind), places, is_cut)

    def _walk(self, left: bytes) -> tuple[list[Place], bool]:
        """The places that a trace names, and whether there are more."""
        return backtrace.walk(memoryview(left).cast("Q").tolist(), self.code.find, MAX_BACKTRACE_FRAMES)

    def _failed(self, left: bytes, error: BaseException | None = None) -> None:
        """The activation with this trace, which machine code began in the calling thread, ended by a trap or by an
        exception: raise what says so, or tell the exception where the guest was.
        """
        if error is None:
            raise self._trapped(left)
        self.explain(left, error)

    @cached_property
    def has_xsave(self) -> bool:
        """Whether all registers can be kept at once, which jormun_divert and jormun_fuel do."""
        return bool(ctypes.PYFUNCTYPE(ctypes.c_int)(self.symbols["jormun_has_xsave"])())

    @property
    def watch(self) -> Watch:
        """What ends activations, and keeps time."""
        if self._watch is None:
            from jormun.runtime.native.watch import Watch  # most processes stop nothing

            with self._lock:
                if self._watch is None:
                    self._watch = Watch(self.stacks, self.code.data, self._wakers)
        return self._watch

    @property
    def activations(self) -> int:
        """How many there have been: the number of the last."""
        return self._process.read_u64(layout.PROCESS_COUNT)

    @property
    def is_running(self) -> bool:
        """Whether a guest of the calling thread's has called the host, and waits for it."""
        return self.stacks.current().field(layout.CONTEXT_ACTIVATION) != 0

    def may_collect(self) -> bool:
        """Whether the guests that wait for the calling thread are all at calls that they keep their references for in
        memory: of functions, and for new objects.

        Those that are in the middle of anything else have them in registers, or know no more than where a field is.
        """
        frame: FrameType | None = sys._getframe()
        while frame is not None:
            if frame.f_code in self._holding:
                return False
            frame = frame.f_back
        return True

    @contextmanager
    def scope(self, record: StopRecord) -> Iterator[None]:
        """While the context lasts, the calling thread's activations heed `record`, which no other scope has."""
        stack = self.stacks.current()
        outer = stack.field(layout.CONTEXT_SCOPE)
        record.within(outer)
        stack.set_field(layout.CONTEXT_SCOPE, record.address)
        try:
            yield
        finally:
            stack.set_field(layout.CONTEXT_SCOPE, outer)

    @contextmanager
    def waking(self, wake: Callable[[], None]) -> Iterator[None]:
        """While the context lasts, the calling thread waits for something. `wake` is called, from another thread and
        perhaps more than once, when the activation that called the host is to end; it does, as the host returns.
        """
        context = self.stacks.current().context
        outer = self._wakers.get(context)
        self._wakers[context] = wake
        try:
            yield
        finally:
            del self._wakers[context]
            if outer is not None:
                self._wakers[context] = outer

    def overflow_area(self, slots: int) -> memoryview:
        """The first slots of this thread's overflow area, where a function's caller puts arguments: whoever calls other
        guest code in between keeps what is there.
        """
        return pages.view(self.stacks.current().context + layout.STACK_OVERFLOW_AREA, layout.VALUE_SLOT_BYTES * slots)

    def _load_glue(self) -> dict[str, int]:
        """Load the glue right behind its data, which it finds by this distance; the addresses of its functions."""
        image = glue_image()
        loaded = self.code.place(len(image.code), lambda address: image.code)
        assert loaded.address == self.code.data + pages.round_up(glue_data.BYTES)
        self._glue_end = loaded.address + loaded.size_bytes
        return {name: loaded.address + offset for name, offset in image.symbols.items()}

    def _write_data(self) -> None:
        """Fill the glue's data, which is only read from then on, and install the handlers of signals."""
        data = self.code.data
        pages.write_u64(data + glue_data.CODE_BASE, self.code.base)
        pages.write_u64(data + glue_data.CODE_END, self.code.end)
        pages.write_u64(data + glue_data.STACK_BASE, self.stacks.base)
        pages.write_u64(data + glue_data.STACK_END, self.stacks.end)
        pages.write_u64(data + glue_data.GUEST_BASE, self._glue_end)
        pages.write_u64(data + glue_data.PROCESS, self._process.address)
        for name in glue_data.FUNCTIONS:
            find = pages.python_address if name in glue_data.PYTHON_FUNCTIONS else pages.libc_address
            pages.write_u64(data + glue_data.function(name), find(name))
        for name in glue_data.PYTHON_OBJECTS:
            pages.write_u64(data + glue_data.python_object(name), pages.python_address(name))
        pages.write_u64(data + glue_data.STACK_KEY, self.stacks.key)
        pages.write_u64(data + glue_data.FAILED, id(self._on_failure))
        pages.write_u64(data + glue_data.WAKE, id(wake_waiting))
        pages.write_u64(data + glue_data.EXCEPTION, id(Exception))
        pages.write_u64(data + glue_data.THROWN, id(self._on_thrown))
        pages.write_u64(data + glue_data.INTERPRETER, pages.interpreter())
        pages.write_u64(data + glue_data.RESTING, resting.count_address())
        bias, signs = number_layout.signs_of_ints()
        pages.write_u64(data + glue_data.INT_BIAS, bias)
        pages.write_bytes(data + glue_data.INT_SIGNS, signs)
        pages.write_u64(data + glue_data.PLAIN_FLOAT, id(float) if number_layout.is_float_plain() else 0)
        for name in layout.SERVICES:
            pages.write_u64(self.services + layout.service_offset(name), self.symbols[name])
        # A signal may ask for it before anybody has installed services.
        pages.write_u64(data + glue_data.service_record(ATTENTION) + layout.HOST_CALLABLE, id(_attend))
        for index, signal in enumerate(signals.HANDLED):
            name = "jormun_on_interrupt" if signal == signals.INTERRUPT else "jormun_on_fault"
            signals.install(signal, self.symbols[name], data + glue_data.PREVIOUS + layout.POINTER_BYTES * index)
        pages.protect(data, pages.round_up(glue_data.BYTES), Protection.READ)

    def _begin_thread(self) -> None:
        """The calling thread will run guests. In the main thread, Python's handlers of signals are to run meanwhile."""
        if is_main_thread() and self.has_xsave:
            self.tick.start()
            self._note_tick()

    def _note_tick(self) -> None:
        """Let machine code know of the calling thread that it ticks, if it does."""
        context = self.stacks.own_context if self.tick.is_running else 0
        self._process.write_u64(layout.PROCESS_TICKING, context)

    def tick_often(self) -> None:
        """Have guests of the calling thread asked every SLICE_S of its time from now on whether they should be
        suspended. Does nothing where that cannot be.
        """
        if getattr(self._ticks, "tick", None) is None:
            self.stacks.current()  # else the thread would begin after this, and tick as others do
            tick = self.tick if is_main_thread() else Tick(self.code.data)
            self._ticks.tick = tick
            if self.has_xsave:
                tick.start(SLICE_S)

    def _after_fork(self) -> None:
        """In a new process, which has only the thread that forked."""
        self.stacks.after_fork()
        self._ticks = local()
        self.tick.after_fork()
        self._note_tick()
        if self._watch is not None:
            self._watch.after_fork()


def _is_ours(error: BaseException) -> bool:
    """Whether it was a call by this package that raised it, and not one by a host function."""
    caller, traceback = "", error.__traceback__
    while traceback is not None:
        name: str = traceback.tb_frame.f_globals.get("__name__", "")
        caller, traceback = caller if name == ctypes.__name__ else name, traceback.tb_next
    return caller.startswith(__name__.rpartition(".")[0])


def _thrown(error: BaseException, key: int) -> int:
    """The address of the exception of WebAssembly's that an exception stands for, which the host function with this key
    raised; 0 if it stands for none.
    """
    if not isinstance(error, WasmError):
        return 0
    from jormun.runtime.exceptions import address_of  # few guests catch

    return address_of(error, key)


def _attend(values: int) -> None:
    """Python runs handlers of signals when it begins a call, as this one; guests that others wait for are suspended.

    Answers 1 for those, to be asked again soon.
    """
    native = Native._instance
    continuation = None if native is None else native.stacks.current().continuation
    pages.write_u64(values, 1)  # it may be a while until a suspended guest looks
    if continuation is None or not continuation.attend():
        pages.write_u64(values, 0)
