"""Tier-up: which functions of a module get better code while they run, when, and together with which others."""
