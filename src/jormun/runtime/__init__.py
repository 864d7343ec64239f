"""The run time: store, instances, memories, tables, linking (core specification, chapter 4), and native execution."""
