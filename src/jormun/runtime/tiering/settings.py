"""How functions are chosen for optimization, as a value that is passed."""

from __future__ import annotations

from jormun.dataclass import dataclass

_BOUNDS = ("patience_ns", "delay_ms", "warm_delay_ms", "unit_bytes", "small_bytes")
MAX_COUNTER = (1 << 31) - 1
"""Counters are i32."""


@dataclass(frozen=True, slots=True)
class Tiering:
    """When baseline code asks for better code, and how much is optimized at once. Raises ValueError.

    Baseline code subtracts weights from its function's counter, and asks when that goes below 0. Tests force tier-up:
    with `threshold=0` and `is_synchronous` a function is optimized the first time that it asks, which, with
    `entry_weight=0`, is at the head of its first loop; with `seed`, at random.
    """

    entry_weight: int = 2
    """What a call of the function costs."""
    loop_weight: int = 1
    """What each round of a loop costs."""
    threshold: int = 20_000
    """What a counter starts with, and gets when it has asked in vain, or a multiple of that where it comes to less than
    a millisecond: so a switch to new code is never far, and asking takes 2 % of the time at most."""
    patience_ns: int = 40_000
    """How long a function must have run, for each byte of its body, before it is optimized, which takes LLVM some 100
    us a byte: what is optimized in vain holds up the rest, and slows guests on cores that are threads of one."""
    delay_ms: int = 200
    """How long baseline code must have run before anything is optimized: about what it takes to load LLVM.
    CPython starts in half of that, and would have LLVM loaded for nothing, in the middle of being compiled."""
    warm_delay_ms: int = 300
    """The same where another run of the module left code: what is not optimized by then takes loading LLVM and decoding
    the module, which runs that are short do not get back, and each of them would begin anew."""
    unit_bytes: int = 2_000
    """About how many bytes of bodies are compiled together, unless one alone has more: a fifth of a second for LLVM,
    which inlines in units of no more than that (optimizing/engine.py)."""
    small_bytes: int = 100
    """A callee of no more than this is compiled with its caller however seldom it is called: LLVM inlines it."""
    is_synchronous: bool = False
    """Whether the guest waits for its code, and nothing is too cold to be optimized."""
    seed: int | None = None
    """If given, counters start anywhere below the threshold, and half of all questions are answered with no."""

    def __post_init__(self) -> None:
        for name in ("entry_weight", "loop_weight", "threshold", *_BOUNDS):
            value = getattr(self, name)
            if not 0 <= value <= MAX_COUNTER:
                raise ValueError(f"{name} must be from 0 to {MAX_COUNTER}, and is {value}")

    @property
    def warm(self) -> int:
        """What a function must have spent to be worth compiling with a neighbour that is hot."""
        return self.threshold // 16 + 1


DEFAULT_TIERING = Tiering()
