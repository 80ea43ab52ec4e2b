"""`python -m supervision`: look at the trees of a running program, or watch one heal."""

from __future__ import annotations

import sys

from supervision.cli import main

if __name__ == "__main__":
    sys.exit(main())
