"""`python -m beamlens.demo`."""

from __future__ import annotations

import sys

from beamlens.demo import main

if __name__ == "__main__":
    sys.exit(main())
