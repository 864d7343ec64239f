"""The functions of a module on their way to better code: who asked, who waits, what is there."""

from __future__ import annotations

from array import array

from jormun.containers import ref
from jormun.dataclass import dataclass, field
from jormun.hints import TYPE_CHECKING, Mapping, Protocol
from jormun.locks import RLock
from jormun.runtime.engine import LoopHead
from jormun.runtime.tiering.learned import Learned
from jormun.runtime.tiering.settings import MAX_COUNTER, Tiering
from jormun.runtime.tiering.time_spent import TimeSpent

if TYPE_CHECKING:
    from random import Random

    from jormun.runtime.tiering.background import Background
    from jormun.runtime.tiering.call_graph import CallGraph

_WANTED_LOOPS = 1
"""How many loops of a function may wait for entries. Each costs as much as the function. The last that asked is the one
that the function is in, or one within that, from which the entry goes on to all of them.
"""
_QUESTION_NS = 1_000_000
_MOST_THRESHOLDS = 16
"""A function that asks again within this time is given twice as much to spend, up to so many times the threshold:
rounds of a short loop take 2 ns, and a question 15 us. A round may also take 10 us, which bounds it."""
_UNIT_COST_BYTES = 200
"""What a unit costs LLVM apart from its functions, as so many bytes of body."""


@dataclass(frozen=True, slots=True)
class BetterCode:
    """What came of optimizing: the addresses of functions and of entries at loops, as far as it was possible."""

    functions: Mapping[int, int]
    loops: Mapping[LoopHead, int]


class Improvable(Protocol):
    """A module with baseline code. Function indices count imports first."""

    @property
    def own_functions(self) -> range:
        """The functions that it defines."""

    @property
    def counter_values(self) -> memoryview:
        """An i32 for each of them, which baseline code counts down."""

    @property
    def call_graph(self) -> CallGraph:
        """Who calls whom. It may take the module to be decoded."""

    def size_bytes(self, func_index: int) -> int:
        """The size of a function's body, known at once."""

    def improve(self, functions: list[int], loops: list[LoopHead]) -> BetterCode:
        """Optimize functions and entries at loops together, and let all that calls them find them.

        What cannot be optimized is missing in the answer.
        """


@dataclass(slots=True)
class _Candidate:
    """A function that has asked."""

    address: int = 0
    """Its better code."""
    is_waiting: bool = False
    """For better code of itself."""
    is_refused: bool = False
    """It gets none, and is not to ask again."""
    is_called: bool = False
    """It has asked at its entry, so it does not run for so long that it has to be left at a loop."""
    is_left: bool = False
    """It has been left at a loop."""
    asked_ns: int = -_QUESTION_NS
    """When it last asked (`TimeSpent.elapsed_ns`)."""
    thresholds: int = 1
    """What its counter gets when it has asked in vain, in thresholds."""
    credited: int = 0
    """What it had spent when it last asked."""
    entries: dict[int, int] = field(default_factory=dict)
    """The entries that there are, by the offsets of their loops."""
    wanted: dict[int, None] = field(default_factory=dict)
    """The loops that wait for theirs, in order."""


class TierUp:
    """Decides what a module's baseline code goes on with, and has it made. Safe to use from several threads."""

    def __init__(self, module: Improvable, settings: Tiering, thread: Background | None = None) -> None:
        """Sets all counters. `thread` optimizes, unless `settings` say that guests wait. The module, which is expected
        to own this, is held weakly.
        """
        self.settings = settings
        self._module = ref(module)
        self._own = module.own_functions
        self._counters = module.counter_values
        self._thread = thread
        self._lock = RLock()
        self._random: Random | None = None
        if settings.seed is not None:
            from random import Random  # for tests alone, and slow to import

            self._random = Random(settings.seed)
        count = len(self._own)
        self._given = [settings.threshold] * count
        """What counters would be without all that was spent."""
        self._counters[:count] = memoryview(array("i", [settings.threshold]) * count)
        self._candidates: dict[int, _Candidate] = {}
        self._promoted: dict[int, None] = {}
        self._left: dict[LoopHead, None] = {}
        self._impossible: dict[int, None] = {}
        self._expected: dict[int, int] = {}
        self._time_spent = TimeSpent()
        self._is_warm = False
        self.failures: list[BaseException] = []
        """What optimizing raised, other than what it refused."""
        if self._random is not None:
            for func_index in self._own:
                self._restart(func_index)

    # Questions.

    def expired(self, func_index: int, loop: int | None) -> int:
        """A function's counter has gone below 0, at the head of the loop at this offset, or at its entry.

        The address of code to go on with: an entry at that loop, or the function's better code; 0 if there is none.
        """
        with self._lock:
            candidate = self._candidate(func_index)
            if self._is_kept_waiting(func_index, candidate):
                return 0
            answer = self._answer(func_index, candidate, loop)
            candidate.is_called = candidate.is_called or loop is None
            is_wanted = not answer and self._is_ripe(func_index, candidate, loop)
            if is_wanted:
                self._request(func_index, candidate, loop)
            if self.settings.is_synchronous:
                while self.heat():
                    self.work()
            answer = self._answer(func_index, candidate, loop)
            if answer and loop is not None:
                self._left[LoopHead(func_index, loop)] = None
                candidate.is_left = True
                self._hurry(func_index)  # other activations may be in loops of this function too
        if not self.settings.is_synchronous and is_wanted:
            self._submit()
        return answer

    def compiled(self, since_ns: int) -> None:
        """A function of the first tier has been compiled, since then by the thread's clock: a large program that has
        just begun compiles for longer than it runs, and would load LLVM for that.
        """
        with self._lock:
            self._time_spent.leave_out(since_ns)

    def _is_kept_waiting(self, func_index: int, candidate: _Candidate) -> bool:
        """Set the counter for the next time; whether that is all."""
        if candidate.is_refused:
            self._set(func_index, MAX_COUNTER)
            return True
        if self._random is not None:
            self._restart(func_index)
            return self._random.random() < 0.5
        elapsed_ns = self._time_spent.elapsed_ns()
        took_ns = elapsed_ns - candidate.asked_ns
        if took_ns < _QUESTION_NS:
            candidate.thresholds = min(2 * candidate.thresholds, _MOST_THRESHOLDS)
        candidate.asked_ns = elapsed_ns
        # Until baseline code has run for a while nobody gets better code: as it goes on, it asks again about then.
        early = min((self._delay_ns() - elapsed_ns) // max(took_ns, 1), _MOST_THRESHOLDS)
        self._set(func_index, min(max(candidate.thresholds, early) * self.settings.threshold, MAX_COUNTER))
        return False

    def _delay_ns(self) -> int:
        """For how long baseline code has to have run before anything is optimized."""
        if self.settings.is_synchronous:
            return 0
        return (self.settings.warm_delay_ms if self._is_warm else self.settings.delay_ms) * 1_000_000

    def _is_ripe(self, func_index: int, candidate: _Candidate, loop: int | None) -> bool:
        """Whether a function has run for long enough that better code is worth its while, as far as can be known."""
        settings, time_spent = self.settings, self._time_spent
        delay_ns = self._delay_ns()
        if settings.is_synchronous or not (settings.patience_ns or delay_ns):
            return True
        module = self._module()
        if module is None or time_spent.elapsed_ns() < delay_ns:
            return False
        counted = self._counted(func_index)
        size_bytes = module.size_bytes(func_index)
        time_spent.credit(func_index, counted - candidate.credited, size_bytes)
        candidate.credited = counted
        if time_spent.total_ns < delay_ns:
            return False
        if loop is None and candidate.is_left:
            return True  # it is called again after all; in baseline code, it asks in each call now
        # An entry at a loop costs as much as the function did, and so did each that is there already.
        copies = 1 + (candidate.address != 0) + len(candidate.entries)
        return func_index in self._expected or time_spent.of(func_index) >= copies * size_bytes * settings.patience_ns

    def _answer(self, func_index: int, candidate: _Candidate, loop: int | None) -> int:
        return candidate.address if loop is None else candidate.entries.get(loop, 0)

    def _request(self, func_index: int, candidate: _Candidate, loop: int | None) -> None:
        """Have code made for it: of the function if it is called again and again, else of an entry at the loop that it
        is in, which takes half the time of both.
        """
        if not candidate.address and (candidate.is_called or self.settings.is_synchronous):
            candidate.is_waiting = True
        if loop is not None and (candidate.address or not candidate.is_called or self.settings.is_synchronous):
            candidate.wanted.pop(loop, None)
            candidate.wanted[loop] = None
            if len(candidate.wanted) > _WANTED_LOOPS:
                del candidate.wanted[next(iter(candidate.wanted))]

    def _submit(self) -> None:
        thread = self._thread
        if thread is None:
            from jormun.runtime.tiering.background import background  # most runs make nothing better

            thread = background()
        thread.submit(self)

    # Work.

    def heat(self) -> int:
        """What the hottest function that waits has spent; 0 if none waits."""
        with self._lock:
            return max((max(self.spent(each), 1) for each in self._waiting()), default=0)

    def spent(self, func_index: int) -> int:
        """How much of its counter a function has used up: for calls and rounds of loops, by their weights; more than
        that if it is expected to be hot.
        """
        return self._counted(func_index) + self._expected.get(func_index, 0)

    def _counted(self, func_index: int) -> int:
        place = func_index - self._own.start
        counter: int = self._counters[place]
        return self._given[place] - counter

    def work(self) -> None:
        """Optimize the hottest function that waits, with its neighbours and the loops that wait for entries."""
        module = self._module()
        if module is None:
            return
        with self._lock:
            waiting = self._waiting()
            if not waiting:
                return
            try:
                root = min(waiting, key=lambda each: self._rank(module, each))
                functions = self._unit(module, root, waiting)
                candidate = self._candidates[root]
                if not candidate.is_waiting:
                    functions.remove(root)  # what it calls is compiled with its loops all the same, to be inlined
            except Exception as error:  # the thread must go on, for other modules too
                self._note(error)
                self._refuse(root)
                return
            loops = self._wanted([root, *functions])
        # Without the lock: guests go on asking meanwhile.
        self._improve(module, root, functions, loops)

    def _rank(self, module: Improvable, func_index: int) -> tuple[float, ...]:
        """The least is compiled first: what another run found to be hot, then what ran longest for what it costs."""
        time_ns = self._time_spent.of(func_index)
        worth = time_ns / (_UNIT_COST_BYTES + module.size_bytes(func_index)) if time_ns else 0.0
        return (-self._expected.get(func_index, 0), -worth, -self.spent(func_index), func_index)

    def _unit(self, module: Improvable, root: int, waiting: list[int]) -> list[int]:
        """The function and its neighbours."""
        from jormun.runtime.tiering.call_graph import unit_around  # reads code, which is not needed to start

        candidates = self._candidates
        callers = [each for each in waiting if candidates[each].is_waiting]
        refused = [each for each, candidate in self._candidates.items() if candidate.is_refused]
        return unit_around(root, module.call_graph, self.settings, self.spent, callers, refused)

    def _waiting(self) -> list[int]:
        return [each for each, candidate in self._candidates.items() if candidate.is_waiting or candidate.wanted]

    def _wanted(self, functions: list[int]) -> list[LoopHead]:
        return [
            LoopHead(each, loop)
            for each in dict.fromkeys(functions)
            if each in self._candidates
            for loop in self._candidates[each].wanted
        ]

    def _improve(self, module: Improvable, root: int, functions: list[int], loops: list[LoopHead]) -> None:
        """Do it, and note what came of it. The root is not among the functions if only its loops wait."""
        try:
            code = module.improve(functions, loops)
        except BaseException as error:
            alone = [each for each in functions if each == root]
            if functions != alone:  # perhaps it was a neighbour's fault
                self._improve(module, root, alone, [loop for loop in loops if loop.func_index == root])
                return
            self._note(error)
            with self._lock:
                self._refuse(root)
            return
        with self._lock:
            self._adopt(code)
            missing = [each for each in functions if each not in code.functions]
            missing += [loop.func_index for loop in loops if loop not in code.loops]
            for func_index in missing:
                self._refuse(func_index)
                self._impossible[func_index] = None

    def adopt(self, code: BetterCode) -> None:
        """Another run left code: functions are to go on with what is better of it."""
        with self._lock:
            self._is_warm = True
            self._adopt(code)

    def _adopt(self, code: BetterCode) -> None:
        for func_index, address in code.functions.items():
            candidate = self._candidate(func_index)
            if not candidate.address:
                candidate.address = address
                self._promoted[func_index] = None
            candidate.is_waiting = False
            self._hurry(func_index)
        for loop, address in code.loops.items():
            candidate = self._candidate(loop.func_index)
            candidate.entries.setdefault(loop.offset, address)
            candidate.wanted.pop(loop.offset, None)
            self._hurry(loop.func_index)

    def _refuse(self, func_index: int) -> None:
        """Never ask again for this function."""
        candidate = self._candidate(func_index)
        candidate.is_refused = True
        candidate.is_waiting = False
        candidate.wanted.clear()
        self._set(func_index, MAX_COUNTER)

    def _note(self, error: BaseException) -> None:
        """Keep an exception, and warn of the first."""
        self.failures.append(error)
        if len(self.failures) == 1:
            import warnings

            message = f"code is not optimized any further where that fails: {type(error).__name__}: {error}"
            try:
                warnings.warn(message, RuntimeWarning, stacklevel=1)
            except Warning:
                pass  # warnings are errors here, and nobody is there to catch one

    # Counters.

    def _candidate(self, func_index: int) -> _Candidate:
        candidate = self._candidates.get(func_index)
        if candidate is None:
            candidate = self._candidates[func_index] = _Candidate()
        return candidate

    def _set(self, func_index: int, value: int) -> None:
        """Set a counter; what was spent is still known."""
        place = func_index - self._own.start
        self._given[place] += value - self._counters[place]
        self._counters[place] = value

    def _restart(self, func_index: int) -> None:
        """Let a function run for a random while before it asks again."""
        assert self._random is not None
        self._set(func_index, self._random.randrange(self.settings.threshold + 1))

    def _hurry(self, func_index: int) -> None:
        """Let a function ask at the next opportunity: there is code for it."""
        if self._random is None:
            self._set(func_index, 0)

    # What was learned.

    def learned(self) -> Learned:
        """What another run of the module may begin with. What failed is not part of it: it may be tried again."""
        with self._lock:
            expected = self._expected
            waiting = sorted(self._waiting(), key=lambda each: (-expected.get(each, 0), -self.spent(each), each))
            loops = dict.fromkeys([*self._left, *self._wanted(waiting)])
            return Learned(tuple(dict.fromkeys([*self._promoted, *waiting])), tuple(loops), tuple(self._impossible))

    def expect(self, learned: Learned) -> None:
        """Another run of the module found those functions to be hot: they are to be optimized before others, hottest
        first, when baseline code has run for a while, and those that were refused are not to ask.

        Functions that the module does not have are passed over, and so are loops of such. Of several loops of a
        function the last counts.
        """
        with self._lock:
            for func_index in learned.refused:
                if func_index in self._own:
                    self._refuse(func_index)
                    self._impossible[func_index] = None
            for place, func_index in enumerate(learned.functions):
                if func_index in self._own and not self._candidate(func_index).is_refused:
                    candidate = self._candidate(func_index)
                    candidate.is_waiting = candidate.address == 0
                    self._expected[func_index] = MAX_COUNTER - place
            for loop in learned.loops:
                known = self._candidates.get(loop.func_index)
                if known is not None and (known.is_waiting or known.wanted) and loop.offset not in known.entries:
                    known.is_waiting = False  # it is in that loop for long, and need not be called again
                    known.wanted.clear()
                    known.wanted[loop.offset] = None
