"""Tests of Jormun, in the tree that they test."""
