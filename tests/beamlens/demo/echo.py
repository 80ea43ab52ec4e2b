"""A program that repeats what it is told."""

from __future__ import annotations

import json
import os
import sys

if __name__ == "__main__":
    for line in sys.stdin:
        said = json.loads(line)
        if said == "die":
            os._exit(7)
        print("this is no JSON" if said == "nonsense" else json.dumps({"you said": said}), flush=True)
