"""The program that is looked at: the shop in a supervision tree, with BeamLens beside it.

    shop                        one_for_one
    ├── web                     a thread: the shop's HTTP server
    └── Beamlens                see beamlens.supervisor

It is told lines of JSON on its input (`look`, `fault`, `kill`, `tree`) and tells what happens on its output.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, Final

from beamlens import telemetry
from beamlens.demo.happenings import SHOWN, describe
from beamlens.demo.shop.server import WebServer
from beamlens.demo.shop.switches import Switches
from beamlens.demo.wires import Sender
from beamlens.errors import BeamlensError
from beamlens.lens import Lens
from beamlens.supervisor import Beamlens
from supervision import ChildSpec, Supervisor, SupervisorRef
from supervision import telemetry as bus

__all__ = ["OPERATORS", "main"]

OPERATORS: Final = ("vm", "exception", "ports", "sql")
_STOP_SECONDS: Final = 20.0
_STARTED: Final = ("supervision", "child", "started")


def main() -> int:
    """Run the shop until the input ends; return an exit code. The main thread."""
    given = _arguments()
    logging.basicConfig(filename=given.directory / "shop.log", format="%(asctime)s %(name)s %(levelname)s %(message)s")
    sender, pids = Sender(sys.stdout), dict[str, int]()
    _listen(sender, pids)
    switches = Switches()
    tree = _start(given, switches)
    try:
        port = tree["web"].ask("port", timeout=_STOP_SECONDS)
        sender.send({"kind": "ready", "port": port, "pid": os.getpid(), "operators": list(OPERATORS)})
        _serve(tree, switches, sender, pids)
    finally:
        tree.stop(timeout=_STOP_SECONDS)
        telemetry.detach("demo")
        bus.detach("demo-pids")
        sender.close()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="beamlens.demo.program")
    parser.add_argument("--directory", type=Path, required=True, help="of the shop's files")
    parser.add_argument("--partners", type=int, required=True, help="the port of the services around")
    parser.add_argument("--provider", default="rules", help="who thinks")
    parser.add_argument("--transcripts", type=Path, required=True, help="where transcripts are written")
    return parser.parse_args()


def _start(given: argparse.Namespace, switches: Switches) -> SupervisorRef:
    shop = ChildSpec(id="web", start=(WebServer, (given.directory, ("127.0.0.1", given.partners), switches), {}))
    lens = {"operators": list(OPERATORS), "provider": given.provider, "transcripts": given.transcripts}
    return Supervisor.start([(Beamlens, lens), shop], name="shop")


def _listen(sender: Sender, pids: dict[str, int]) -> None:
    def happened(name: tuple[str, ...], _measurements: Any, about: Any, _config: Any) -> None:
        sender.send({"kind": "event", **describe(name, about)})

    def started(_name: Any, _measurements: Any, about: Any, _config: Any) -> None:
        if about["pid"] is not None:
            pids[str(about["id"])] = about["pid"]

    telemetry.attach_many("demo", list(SHOWN), happened)
    bus.attach("demo-pids", _STARTED, started)


def _serve(tree: SupervisorRef, switches: Switches, sender: Sender, pids: dict[str, int]) -> None:
    for line in sys.stdin:
        match json.loads(line):
            case {"do": "look", "reason": reason, "deadline": deadline}:
                target, given = _look, (tree["Beamlens"], reason, deadline, sender)
                threading.Thread(target=target, args=given, name="beamlens-demo-look", daemon=True).start()
            case {"do": "fault", "name": name, "on": on}:
                switches.set(name, on)
            case {"do": "kill", "operator": operator}:
                os.kill(pids[operator], signal.SIGKILL)
                sender.send({"kind": "killed", "operator": operator, "pid": pids[operator]})
            case {"do": "tree"}:
                sender.send({"kind": "tree", "text": tree.render()})
            case other:
                sender.send({"kind": "said", "text": f"not understood: {other!r:.200}"})


def _look(lens: Lens, reason: str, deadline: float, sender: Sender) -> None:
    try:
        sender.send({"kind": "outcome", "outcome": lens.run(reason, deadline=deadline).to_dict()})
    except BeamlensError as error:
        sender.send({"kind": "failed", "text": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    sys.exit(main())
