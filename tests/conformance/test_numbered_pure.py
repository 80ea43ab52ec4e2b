"""The 141 numbered scenarios of supervision: which test is about which.

The pure machine has its tests beside this file:

    test_numbered_pure_starting.py    1 to 21
    test_numbered_pure_requests.py    23 to 40
    test_numbered_pure_restarts.py    41 to 63
    test_numbered_pure_limits.py      64 to 84
    test_numbered_pure_stopping.py    85 to 102
    test_numbered_pure_instances.py   103 to 120
    test_numbered_pure_elixir.py      121 to 135

These need names, a registry or a server's mailbox, and are tested on real processes, in
tests/conformance/test_numbered_real.py:

    22, 32, 36   names
    136 to 139   the registry
    140, 141     calls and casts
"""

from __future__ import annotations

import re
from pathlib import Path

REAL = {22, 32, 36, 136, 137, 138, 139, 140, 141}


def test_every_number_has_its_test() -> None:
    """Every scenario but those for real processes has a test here, and only those."""
    folder = Path(__file__).parent
    texts = [path.read_text(encoding="utf-8") for path in folder.glob("test_numbered_pure_*.py")]
    numbers = {int(found) for text in texts for found in re.findall(r"^def test_(\d{3})_", text, re.MULTILINE)}
    assert numbers == set(range(1, 142)) - REAL
