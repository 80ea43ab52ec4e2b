"""The pages say what the code does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from beamlens import legion
from beamlens.legion import telemetry
from beamlens.legion.event_page import page

ROOT = Path(__file__).parents[3]


def test_the_page_of_events_is_the_table() -> None:
    assert (ROOT / "docs" / "legion-events.md").read_text() == page()


def test_the_table_has_the_seeds_fourteen() -> None:
    spans = ("agent.message", "iteration", "llm.request", "sandbox.eval")
    seeds = [
        "agent.started",
        "agent.stopped",
        *(f"{name}.{end}" for name in spans for end in ("start", "stop", "exception")),
    ]
    names = [".".join(event.name[1:]) for event in telemetry.events() if event.since == "0.4.0"]
    assert sorted(names) == sorted(seeds)


def test_names_on_the_page_exist() -> None:
    text = (ROOT / "docs" / "legion.md").read_text()
    for name in set(re.findall(r"\blegion\.([A-Za-z_]+)\b(?!\.md|-)", text)) - {"md"}:
        assert hasattr(legion, name), name


def test_the_first_example_runs(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "legion.md").read_text()
    code = re.search(r"```python\n(# shop\.py.*?)```", text, re.DOTALL)
    assert code is not None
    (tmp_path / "shop.py").write_text(code[1])
    lua = "local n, sum = {}, 0 for _, o in ipairs(Orders.open()) do n[#n+1] = o.number sum = sum + o.euros end "
    step = {"action": "eval_and_complete", "code": lua + "return {numbers = n, dollars = dollars(sum)}"}
    program = (
        f"from beamlens import legion\nscript = {{'script': [['reply', {step!r}]]}}\n"
        "if __name__ == '__main__':\n    legion.start(provider='scripted', provider_options=script)\n"
        "    import shop\n    print(legion.execute(shop.Clerk, 'x'))\n    legion.stop()\n"
    )
    (tmp_path / "run.py").write_text(program)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    done = subprocess.run(
        [sys.executable, str(tmp_path / "run.py")], capture_output=True, text=True, env=environment, timeout=50
    )
    assert done.stdout == "Ok(value=Worth(numbers=[1, 3], dollars=220.0))\n", done.stderr


def test_the_example_with_operators_runs(tmp_path: Path) -> None:
    """An agent answers a question about the running application, as the page says."""
    text = (ROOT / "docs" / "legion.md").read_text()
    code = re.search(r"```python\n(class Operators:.*?)```", text, re.DOTALL)
    assert code is not None
    classes, _, start = code[1].partition("tree = ")
    ask = {"action": "eval_and_complete", "code": "return Operators.ask('Why?')"}
    coordinator = [["done", {}]]
    script = {"coordinator": coordinator, "legion:Reporter": [["reply", ask]]}
    (tmp_path / "reporter.py").write_text(f"from beamlens import legion\n\n\n{classes}")
    program = (
        "from beamlens import Beamlens, legion\nfrom reporter import Reporter\n\n"
        "if __name__ == '__main__':\n"
        f"    script = {{'script': {script!r}}}\n"
        "    lens = Beamlens.start(operators=['gc'], provider='scripted', provider_options=script, transcripts=False)\n"
        f"    tree = {start.strip().replace(chr(10) + 'tree.execute', chr(10) + '    result = tree.execute')}\n"
        "    print(type(result).__name__, type(result.value).__name__, lens.usage().total.calls)\n"
        "    tree.stop()\n    lens.stop()\n"
    )
    (tmp_path / "run.py").write_text(program)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    done = subprocess.run(
        [sys.executable, str(tmp_path / "run.py")], capture_output=True, text=True, env=environment, timeout=55
    )
    assert done.stdout == "Ok str 2\n", done.stderr
