"""The standard's test scripts."""
