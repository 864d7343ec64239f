"""Layer 3: the text format, read and written (core specification, chapter 6), and the standard's test scripts."""
