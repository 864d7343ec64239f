"""Random programs, run here and by another engine, which must agree."""
