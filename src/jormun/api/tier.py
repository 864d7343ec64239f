"""The tiers: which compilers make machine code. Apart from the rest, for the command line's sake, which starts fast."""

from __future__ import annotations

from jormun.hints import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    Tier: TypeAlias = Literal["auto", "baseline", "optimizing"]
    """A compiler by its name; "auto" is what Jormun thinks best."""
else:
    Tier = str  # at run time annotations are for people
TIERS: Final[tuple[Tier, ...]] = ("auto", "baseline", "optimizing")
