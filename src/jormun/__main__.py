"""`python -m jormun`: the command, where it is not on the path."""

from jormun.cli.command import command

command()
