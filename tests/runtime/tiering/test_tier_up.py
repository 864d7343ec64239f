"""Who gets better code, when, and with whom."""

from __future__ import annotations

import gc
import warnings
import weakref

import pytest

from jormun.errors import WasmError
from jormun.runtime.engine import LoopHead
from jormun.runtime.tiering.learned import Learned
from jormun.runtime.tiering.settings import MAX_COUNTER, Tiering
from jormun.runtime.tiering.tier_up import BetterCode
from jormun.runtime.tiering.time_spent import TimeSpent

from .fakes import CALLER, LEAF, LONG, MIDDLE, TOP, FakeModule, address

ALONE = Tiering(threshold=100, unit_bytes=1, patience_ns=0, delay_ms=0)
"""Functions are compiled without neighbours."""


def test_a_function_asks_when_its_counter_is_used_up() -> None:
    """Not before; in vain at first, and then again each time that the counter is used up."""
    module = FakeModule(Tiering(threshold=100, patience_ns=MAX_COUNTER, delay_ms=0))
    assert [module.counter(each) for each in module.own_functions] == [100] * 5
    assert module.run(TOP, 100) is None
    assert module.run(TOP, 1) == 0
    assert module.counter(TOP) == 100
    assert module.run(TOP, 100) is None
    assert module.run(TOP, 1) == 0
    assert module.improved == []


def test_who_asks_too_often_asks_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A counter that is used up in less than a millisecond gets more, up to a bound; another one gets what it had."""
    module = FakeModule(Tiering(threshold=100, patience_ns=MAX_COUNTER, delay_ms=0))
    now_ns = 0
    monkeypatch.setattr(TimeSpent, "elapsed_ns", lambda _: now_ns)
    for wanted in (100, 200, 400, 800, 1600, 1600):
        assert module.run(TOP, 10_000) == 0
        assert module.counter(TOP) == wanted
    for _ in range(2):
        now_ns += 1_000_000
        assert module.run(LEAF, 10_000) == 0
        assert module.counter(LEAF) == 100


def test_who_asks_early_asks_again_when_something_may_come_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing is optimized yet, a counter gets what the function will use until then, up to a bound."""
    module = FakeModule(Tiering(threshold=100, patience_ns=MAX_COUNTER, delay_ms=100))
    now_ns = 0
    monkeypatch.setattr(TimeSpent, "elapsed_ns", lambda _: now_ns)
    asked = ((9, 900), (59, 100), (99, 100), (100, 100), (200, 100))  # (100 - 9) / (9 + 1), (100 - 59) / (59 - 9), ...
    for now_ms, wanted in asked:
        now_ns = now_ms * 1_000_000
        assert module.run(TOP, 10_000) == 0
        assert module.counter(TOP) == wanted
    now_ns = 1_000_000
    assert module.run(LEAF, 10_000) == 0
    assert module.counter(LEAF) == 1600


def test_better_code_is_there_at_the_next_opportunity() -> None:
    """As soon as it is compiled, functions ask at their next call, or head of a loop. One that is left at a loop is
    not compiled itself before it is called again.
    """
    module = FakeModule(ALONE)
    module.run(TOP, 110, loop=4)
    module.run(LEAF, 101)
    while module.tier_up.heat():
        module.tier_up.work()
    assert module.improved == [([], [LoopHead(TOP, 4)]), ([LEAF], [])]
    assert module.counter(TOP) == module.counter(LEAF) == 0
    assert module.run(LEAF, 1) == address(LEAF)
    assert module.run(TOP, 1, loop=4) == address(TOP, 4)
    assert module.run(TOP, 101) == 0
    module.tier_up.work()
    assert module.improved[2:] == [([TOP], [])]
    assert module.run(TOP, 1) == address(TOP)


def test_what_was_left_and_is_called_again() -> None:
    """Its time in baseline code is over, so it is ripe however little of that it had."""
    module = FakeModule(Tiering(threshold=100, patience_ns=MAX_COUNTER, delay_ms=0, warm_delay_ms=0))
    module.tier_up.adopt(BetterCode({}, {LoopHead(TOP, 4): 6}))
    assert module.run(TOP, 1) == 0
    assert module.tier_up.heat() == 0
    assert module.run(TOP, 101, loop=4) == 6
    assert module.run(TOP, 1) == 0
    assert module.tier_up.heat() > 0


def test_all_activations_leave_a_loop() -> None:
    """One that has left says nothing of others, which ask at their next head of a loop."""
    module = FakeModule(ALONE)
    module.run(TOP, 101, loop=4)
    module.tier_up.work()
    assert [module.run(TOP, 1, loop=4) for _ in range(3)] == [address(TOP, 4)] * 3


def test_a_function_that_is_called_needs_no_entry() -> None:
    """It ends soon, and its next call finds the better code."""
    module = FakeModule(ALONE)
    assert [module.run(TOP, 101), module.run(TOP, 10_000, loop=4)] == [0, 0]
    module.tier_up.work()
    assert module.improved == [([TOP], [])]
    assert module.tier_up.heat() == 0


def test_an_entry_has_neighbours_too() -> None:
    """What a loop calls is compiled with its entry, though the function itself is not."""
    module = FakeModule(Tiering(threshold=100, patience_ns=0, delay_ms=0))
    module.run(TOP, 101, loop=4)
    module.tier_up.work()
    assert module.improved == [([MIDDLE, LEAF], [LoopHead(TOP, 4)])]


def test_an_entry_is_made_for_a_loop_that_asks() -> None:
    """A loop that asks when the function is compiled gets its entry, and the function is not compiled again."""
    module = FakeModule(ALONE)
    module.run(TOP, 101)
    module.tier_up.work()
    assert module.run(TOP, 1, loop=4) == 0
    assert module.tier_up.heat() > 0
    module.tier_up.work()
    assert module.improved[1:] == [([], [LoopHead(TOP, 4)])]
    assert module.run(TOP, 1, loop=4) == address(TOP, 4)
    assert module.tier_up.heat() == 0


def test_the_latest_loops_are_wanted() -> None:
    """A function that waits long is entered where it is by then."""
    module = FakeModule(ALONE)
    for loop in (4, 5, 6, 4, 7):
        module.run(TOP, 10_000, loop)
    module.tier_up.work()
    assert module.improved == [([], [LoopHead(TOP, 7)])]


def test_the_hottest_is_first() -> None:
    """By what it has spent since it began to run, whether it has asked often or was far below 0."""
    module = FakeModule(ALONE)
    module.run(LEAF, 101)
    for _ in range(3):
        module.run(MIDDLE, 101)
    module.run(TOP, 5000)
    module.run(LONG, 102)
    module.run(LEAF, 100)
    while module.tier_up.heat():
        module.tier_up.work()
    assert [functions for functions, _ in module.improved] == [[TOP], [MIDDLE], [LEAF], [LONG]]


def test_neighbours_are_compiled_together() -> None:
    """Callees that are warm or small, and callers that wait too; then they do not wait any more."""
    module = FakeModule(Tiering(threshold=100, small_bytes=4, patience_ns=0, delay_ms=0))
    module.run(MIDDLE, 20)
    module.run(CALLER, 101)
    module.run(LONG, 102)
    module.tier_up.work()
    assert module.improved == [([LONG, LEAF, CALLER], [])]
    assert module.tier_up.heat() == 0
    module.run(TOP, 101, loop=0)
    module.tier_up.work()
    assert module.improved[1:] == [([MIDDLE, LEAF], [LoopHead(TOP, 0)])]


def test_what_is_refused_never_asks_again() -> None:
    """A function that cannot be optimized, as a root or a neighbour: its counter is as full as can be."""
    module = FakeModule(Tiering(threshold=100, patience_ns=0, delay_ms=0))
    module.refused = {MIDDLE}
    module.run(TOP, 101)
    module.tier_up.work()
    assert module.improved == [([TOP, MIDDLE, LEAF], [])]
    assert module.counter(MIDDLE) == MAX_COUNTER
    module.counter_values[MIDDLE - 1] = 0
    assert module.run(MIDDLE, 1) == 0
    assert module.counter(MIDDLE) == MAX_COUNTER
    assert module.tier_up.heat() == 0
    assert not module.tier_up.failures


def test_an_exception_is_kept_and_warned_of_once() -> None:
    """It costs the function that was to be optimized, and neither its neighbours nor the guest."""
    module = FakeModule(Tiering(threshold=100, patience_ns=0, delay_ms=0))
    module.error = WasmError("no code today")
    with pytest.warns(RuntimeWarning, match="WasmError: no code today") as warned:
        for each in (TOP, CALLER):
            assert module.run(each, 101) == 0
            module.tier_up.work()
    assert len(warned) == 1
    assert module.tier_up.failures == [module.error] * 2
    assert [functions for functions, _ in module.improved] == [
        [TOP, MIDDLE, LEAF],
        [TOP],
        [CALLER, LONG, LEAF],
        [CALLER],
    ]
    module.error = None
    assert module.run(LONG, 101) == 0
    module.tier_up.work()
    assert module.run(LONG, 1) == address(LONG)
    assert module.counter(TOP) == MAX_COUNTER


def test_code_that_cannot_be_read() -> None:
    """Even what cannot happen ends neither the thread nor the guest."""
    module = FakeModule(ALONE)
    module.call_graph = None  # type: ignore[assignment]
    module.run(TOP, 101)
    with pytest.warns(RuntimeWarning, match="AttributeError"):
        module.tier_up.work()
    assert module.tier_up.heat() == 0
    assert module.counter(TOP) == MAX_COUNTER


def test_a_warning_that_is_an_error_ends_nothing() -> None:
    """Where warnings are exceptions, nobody could catch that one."""
    module = FakeModule(ALONE)
    module.error = MemoryError()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module.run(TOP, 101)
        module.tier_up.work()
    assert module.tier_up.failures == [module.error]


def test_the_guest_may_wait() -> None:
    """With `is_synchronous`, the first question is answered with code."""
    module = FakeModule(Tiering(threshold=0, is_synchronous=True, unit_bytes=1))
    assert module.run(TOP, 1, loop=4) == address(TOP, 4)
    assert module.run(LEAF, 2) == address(LEAF)
    assert module.improved == [([TOP], [LoopHead(TOP, 4)]), ([LEAF], [])]


def test_random_points_are_the_same_each_time() -> None:
    """The same seed and the same questions give the same answers; another seed gives others."""

    def answers(seed: int) -> list[int | None]:
        module = FakeModule(Tiering(threshold=50, is_synchronous=True, unit_bytes=1, seed=seed))
        return [module.run(each, 3, loop=4) for _ in range(40) for each in module.own_functions]

    assert answers(1) == answers(1) != answers(2)
    assert {0, None} < set(answers(1))


def test_what_was_learned_is_expected() -> None:
    """Another run of the module begins with the functions that were hot, in the same order. A loop that was left has
    its code in the cache.
    """
    module = FakeModule(ALONE)
    module.run(TOP, 200, loop=4)
    module.run(LEAF, 101)
    while module.tier_up.heat():
        module.tier_up.work()
    module.run(TOP, 1, loop=4)
    learned = module.tier_up.learned()
    assert learned == Learned((LEAF,), (LoopHead(TOP, 4),))
    other = FakeModule(ALONE)
    other.tier_up.expect(learned)
    while other.tier_up.heat():
        other.tier_up.work()
    assert other.improved == [([LEAF], [])]


def test_what_still_waits_is_learned() -> None:
    """A process that ends before all is optimized tells the next one what is left, the hottest first, with loops."""
    module = FakeModule(ALONE)
    module.run(LEAF, 101)
    module.run(TOP, 300, loop=4)
    module.run(LONG, 200)
    module.tier_up.work()
    assert module.tier_up.learned() == Learned((LONG, LEAF))
    module.run(MIDDLE, 101, loop=0)
    assert module.tier_up.learned() == Learned((LONG, LEAF, MIDDLE), (LoopHead(MIDDLE, 0),))


def test_what_is_expected_waits_for_a_question() -> None:
    """Functions that another run left are optimized when baseline code has run for a while, not before."""
    for delay_ms, is_begun in ((0, True), (MAX_COUNTER, False)):
        module = FakeModule(Tiering(threshold=100, unit_bytes=1, patience_ns=MAX_COUNTER, delay_ms=delay_ms))
        module.tier_up.expect(Learned((TOP, LEAF)))
        assert not module.no_thread.submitted
        assert module.run(LEAF, 101) == 0
        assert bool(module.no_thread.submitted) == is_begun
        assert module.tier_up.learned() == Learned((TOP, LEAF))


def test_a_run_that_finds_code_waits_longer() -> None:
    """What other runs left to be optimized is mostly worth nothing to short ones."""
    for warm_delay_ms, is_begun in ((0, True), (MAX_COUNTER, False)):
        settings = Tiering(threshold=100, unit_bytes=1, patience_ns=0, delay_ms=1, warm_delay_ms=warm_delay_ms)
        module = FakeModule(settings)
        module.tier_up.adopt(BetterCode({}, {}))
        module.tier_up.expect(Learned((LEAF,)))
        assert module.run(LEAF, 10_000) == 0
        assert bool(module.no_thread.submitted) == is_begun


def test_patience() -> None:
    """A function that has not run for long, given its size, is not optimized, however often it asks."""
    module = FakeModule(Tiering(threshold=100, patience_ns=MAX_COUNTER, delay_ms=0))
    for _ in range(10):
        assert module.run(TOP, 10_000, loop=4) == 0
    assert module.tier_up.heat() == module.no_thread.submitted == 0
    assert module.tier_up.learned() == Learned()


def test_a_question_reads_no_code() -> None:
    """The module of a warm start is not decoded because a function asks: in a large one, that takes longer than to
    start.
    """
    module = FakeModule(Tiering(threshold=100, patience_ns=MAX_COUNTER, delay_ms=0))
    module.call_graph = None  # type: ignore[assignment]
    assert module.run(TOP, 101, loop=4) == 0
    assert not module.tier_up.failures


def test_what_another_run_refused_does_not_ask() -> None:
    """It is not tried again, and the next run knows it too; what failed for another reason is tried again."""
    module = FakeModule(ALONE)
    module.refused = {MIDDLE}
    module.run(MIDDLE, 101)
    module.tier_up.work()
    module.error = WasmError("no code today")
    module.run(TOP, 101)
    with pytest.warns(RuntimeWarning):
        module.tier_up.work()
    learned = module.tier_up.learned()
    assert learned == Learned((), (), (MIDDLE,))
    other = FakeModule(ALONE)
    other.tier_up.expect(Learned((MIDDLE,), (LoopHead(MIDDLE, 0),), (MIDDLE, 10**9)))
    assert other.counter(MIDDLE) == MAX_COUNTER
    assert other.tier_up.heat() == 0
    assert other.tier_up.learned() == learned


def test_what_a_module_does_not_have_is_not_expected() -> None:
    """What was learned comes from a file: functions that are imported or do not exist are passed over."""
    module = FakeModule(ALONE)
    module.tier_up.expect(Learned((0, 6, 10**9, LEAF), (LoopHead(0, 1), LoopHead(7, 1), LoopHead(TOP, 1))))
    while module.tier_up.heat():
        module.tier_up.work()
    assert module.improved == [([LEAF], [])]


def test_code_from_elsewhere_is_adopted() -> None:
    """Functions that a cache had go on with that, and are not optimized again."""
    module = FakeModule(ALONE)
    module.tier_up.adopt(BetterCode({TOP: 5}, {LoopHead(TOP, 4): 6}))
    assert module.run(TOP, 1, loop=4) == 6
    assert module.run(TOP, 101) == 5
    assert module.tier_up.heat() == 0
    assert module.tier_up.learned() == Learned((TOP,), (LoopHead(TOP, 4),))


def test_a_module_is_not_kept_alive() -> None:
    """What decides about a module refers to it weakly, and does nothing when it is gone."""
    module = FakeModule(ALONE)
    module.run(TOP, 101)
    tier_up, reference = module.tier_up, weakref.ref(module)
    gc.collect()
    gc.disable()
    try:
        del module
        assert reference() is None
    finally:
        gc.enable()
    tier_up.work()


@pytest.mark.parametrize(
    "name",
    [
        "entry_weight",
        "loop_weight",
        "threshold",
        "patience_ns",
        "delay_ms",
        "warm_delay_ms",
        "unit_bytes",
        "small_bytes",
    ],
)
@pytest.mark.parametrize("value", [-1, 1 << 31])
def test_settings_are_counters(name: str, value: int) -> None:
    """What does not fit an i32 is refused."""
    with pytest.raises(ValueError, match=f"{name} must be from 0 to 2147483647, and is {value}"):
        Tiering(**{name: value})
