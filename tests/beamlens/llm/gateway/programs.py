"""Programs that tests run in an interpreter of their own, with a key in their environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.beamlens.llm.gateway.gateways import KEY

CANARY = "sk-c4n4ry+0123456789/abcdef"

KEYS = """
import logging, json, pathlib, sys
from supervision import Supervisor, configure
from tests.beamlens.llm.gateway.gateways import FakeGateway, KEY, Operator, SECONDS, asking

def main(place, launcher, withheld, scrubbed):
    configure(launcher=launcher, withheld_env=tuple(withheld))
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, force=True)
    tree = Supervisor.start([{"id": "gateway", "start": (FakeGateway, ({"place": place, "keys": [KEY]},))}])
    gateway = tree["gateway"]
    operator = Operator.start(gateway, tuple(scrubbed))
    known, block = operator.ask("environ", timeout=SECONDS)
    answers = [gateway.ask(asking(word), timeout=SECONDS) for word in ("key", "fail", "break", "log")]
    seen = pathlib.Path(f"/proc/{operator.pid}/environ").read_bytes()
    told = {
        "operator_knows": known,
        "operator_shows": CANARY.encode() in block or CANARY.encode() in seen,
        "gateway_shows": CANARY.encode() in pathlib.Path(f"/proc/{gateway.pid}/environ").read_bytes(),
        "gateway": answers[0].text,
        "answers": repr(answers),
    }
    operator.stop()
    tree.stop()
    print(json.dumps(told))

if __name__ == "__main__":
    main(*ARGUMENTS)
"""


def run(source: str, place: Path, *arguments: Any) -> tuple[dict[str, Any], str]:
    """Run a program with `CANARY` in its environment; return what it printed, as JSON, and its standard error."""
    path = place / "program.py"
    path.write_text(source.replace("ARGUMENTS", repr(arguments)).replace("CANARY", repr(CANARY)))
    env = {**os.environ, KEY: CANARY, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, str(path)], env=env, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr
