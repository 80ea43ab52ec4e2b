"""`python -m beamlens.cli`."""

import sys

from beamlens.cli import main

if __name__ == "__main__":
    sys.exit(main())
