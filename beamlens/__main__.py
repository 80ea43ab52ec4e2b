"""`python -m beamlens` is the command `beamlens`."""

from __future__ import annotations

import sys

from beamlens.cli import main

if __name__ == "__main__":
    sys.exit(main())
