"""Features beyond WebAssembly 3.0 that a module may be allowed to use, as a value that is passed."""

from __future__ import annotations

from jormun.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Features:
    """Which proposals are accepted. WebAssembly 3.0 is always on, whole."""

    threads: bool = True
    """Shared memories and atomic instructions."""
    wide_arithmetic: bool = True
    custom_page_sizes: bool = True


DEFAULT_FEATURES = Features()
