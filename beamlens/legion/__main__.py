"""`python -m beamlens.legion demo`, and `... events`, which prints docs/legion-events.md."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    if sys.argv[1:] == ["events"]:
        from beamlens.legion.event_page import page

        print(page(), end="")
    elif sys.argv[1:2] == ["demo"]:
        from beamlens.legion import demo

        sys.exit(demo.main(sys.argv[2:]))
    else:
        print(
            "usage: python -m beamlens.legion demo [--provider NAME] [--model NAME] [--no-kill] [--json]",
            file=sys.stderr,
        )
        sys.exit(2)
