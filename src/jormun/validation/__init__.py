"""Layer 4: validation, which modules are allowed to run (core specification, chapter 3)."""
