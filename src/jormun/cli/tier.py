"""The option --tier, of all verbs that run code."""

from __future__ import annotations

from jormun.hints import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

from jormun.api.tier import TIERS, Tier


def add_tier(parser: argparse.ArgumentParser) -> None:
    """Adds the option to a verb."""
    parser.add_argument(
        "--tier",
        type=_tier,
        default="auto",
        metavar="|".join(TIERS),
        help="which compiler to use: auto is baseline at first, and optimizing for what runs often (default: auto)",
    )


def _tier(name: str) -> Tier:
    for tier in TIERS:
        if tier == name:
            return tier
    import argparse

    raise argparse.ArgumentTypeError(f"{name!r} is no tier; use {' or '.join(TIERS)}")
