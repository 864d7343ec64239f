"""The version of Jormun, in one place."""

VERSION = "0.1.0"
