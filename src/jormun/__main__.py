"""`python -m jormun`: the command, where it is not on the path."""

import sys

from jormun.cli.main import main

sys.exit(main())
