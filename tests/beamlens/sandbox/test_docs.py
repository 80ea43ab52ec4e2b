"""The page on the sandbox says what is so: its program is run, its table compared with the code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from beamlens.sandbox.evaluation import KINDS

_ROOT = Path(__file__).resolve().parents[3]
_PAGE = (_ROOT / "docs" / "sandbox.md").read_text()


def test_its_program_prints_what_it_says(tmp_path: Path) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```$", _PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "evaluate.py").write_text(f"import sys; sys.path.insert(0, {str(_ROOT)!r})\n{program}")
    done = subprocess.run(
        [sys.executable, tmp_path / "evaluate.py"], capture_output=True, text=True, timeout=50, check=True
    )
    assert done.stdout.splitlines() == re.findall(r"# -> (.*)", program)


def test_its_table_has_every_kind() -> None:
    table = _PAGE[_PAGE.index("| kind |") : _PAGE.index("The text is")]
    rows = [line.split("|")[1] for line in table.splitlines()[2:] if line.startswith("|")]
    assert {kind for row in rows for kind in re.findall(r"`(\w+)`", row)} == set(KINDS)
