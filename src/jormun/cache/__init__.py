"""Layer 7: compiled code on disk, so that a second start compiles, decodes and validates nothing."""
