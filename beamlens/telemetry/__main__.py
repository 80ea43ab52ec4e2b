"""Print the page of all events: `python -m beamlens.telemetry > docs/beamlens-events.md`."""

from __future__ import annotations

import sys

from beamlens.telemetry.page import page

if __name__ == "__main__":
    sys.stdout.write(page())
