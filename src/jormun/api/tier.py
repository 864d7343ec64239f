"""The tiers: which compilers make machine code. Apart from the rest, for the command line's sake, which starts fast."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

Tier: TypeAlias = Literal["auto", "baseline", "optimizing"]
"""A compiler by its name; "auto" is what Jormun thinks best."""
TIERS: Final[tuple[Tier, ...]] = get_args(Tier)
