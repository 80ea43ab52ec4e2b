"""`python -m beamlens.legion demo`."""

from __future__ import annotations

import sys

from beamlens.legion import demo

if __name__ == "__main__":
    if sys.argv[1:2] != ["demo"]:
        print("usage: python -m beamlens.legion demo [--provider NAME] [--model NAME] [--no-kill]", file=sys.stderr)
        sys.exit(2)
    sys.exit(demo.main(sys.argv[2:]))
