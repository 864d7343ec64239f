"""`python -m jormun.prebuilt [FOLDER]`: builds all artefacts into the package's folder, or another."""

from __future__ import annotations

import sys

from jormun.prebuilt.build import build_all

for path in build_all(*sys.argv[1:2]):
    print(path)
