"""Layer 10: the command `jormun`. One file a verb; heavy modules are imported when a verb runs."""
