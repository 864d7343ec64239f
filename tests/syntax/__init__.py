"""Tests of abstract syntax and of its codecs."""
