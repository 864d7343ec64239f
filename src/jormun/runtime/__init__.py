"""Layer 6, the run time: store, instances, memories, tables, linking (core specification, chapter 4), native code."""
