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
        help="which compiler to use: auto is the best there is, at present always optimizing (default: auto)",
    )


def _tier(name: str) -> Tier:
    for tier in TIERS:
        if tier == name:
            return tier
    import argparse

    there_are = f"use {' or '.join(TIERS)}"
    if name == "baseline":
        raise argparse.ArgumentTypeError(f"there is no baseline tier yet; {there_are}")
    raise argparse.ArgumentTypeError(f"{name!r} is no tier; {there_are}")
