"""Environment variables that are withheld reach only the actors whose class asks for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

SOURCE = """
import json, pathlib
from supervision import Supervisor, configure
from tests.actors.deferring import Secretive

def spread(name):
    root = pathlib.Path("/proc")
    found = []
    for entry in root.glob("[0-9]*/stat"):
        try:
            if int(entry.read_text().rpartition(") ")[2].split()[1]) in pids and name.encode() in (
                entry.parent / "environ"
            ).read_bytes():
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found

if __name__ == "__main__":
    import os
    configure(launcher="LAUNCHER", withheld_env=WITHHELD)
    asks = {"id": "asks", "start": (Secretive, ("CANARY_KEY",))}
    tree = Supervisor.start([asks, {"id": "other", "start": Secretive}])
    told = {name: tree[name].ask("CANARY_KEY", timeout=30) for name in ("asks", "other")}
    pids = {os.getpid(), tree["asks"].pid, tree["other"].pid}
    told["environ_of_children"] = len(spread("CANARY_KEY"))
    tree.stop()
    print(json.dumps(told))
"""


def run(place: Path, launcher: str, withheld: tuple[str, ...]) -> dict[str, object]:
    path = place / "program.py"
    path.write_text(SOURCE.replace("LAUNCHER", launcher).replace("WITHHELD", repr(withheld)))
    env = {**os.environ, "CANARY_KEY": "c4n4ry-value", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, str(path)], env=env, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def test_a_withheld_variable_reaches_only_who_asks_for_it(tmp_path: Path) -> None:
    told = run(tmp_path, "zygote", ("CANARY_KEY",))
    assert told["asks"] == ["c4n4ry-value", False]
    assert told["other"] == [None, False]
    assert told["environ_of_children"] == 0


def test_without_the_setting_everybody_has_it(tmp_path: Path) -> None:
    told = run(tmp_path, "zygote", ())
    assert told["other"] == ["c4n4ry-value", True]


def test_spawned_actors_drop_it_too(tmp_path: Path) -> None:
    told = run(tmp_path, "spawn", ("CANARY_KEY",))
    assert told["asks"][0] == "c4n4ry-value"  # type: ignore[index]
    assert told["other"][0] is None  # type: ignore[index]
