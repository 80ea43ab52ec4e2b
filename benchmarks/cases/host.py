"""Serve one application on uvicorn, with BeamLens beside it, in a process of its own.

`python -m benchmarks.cases.host MODULE:FUNCTION [JSON]` prints its port; then it answers lines of JSON: `investigate`
gives an outcome as plain data. All skills work that need no configuration, and `http`. The JSON may hold `surroundings`
to go into, and `options` of skills by their names, which work as well.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import socket
import sys
import threading
from collections.abc import Mapping
from typing import Any

import uvicorn

from beamlens.skills.catalog import default_names
from beamlens.skills.http import wrap
from beamlens.supervisor import Beamlens
from benchmarks.cases.surroundings import NotPossible, enter
from benchmarks.programs import answer_lines, say

__all__ = ["main"]


def main() -> None:
    """Serve until the input ends."""
    given = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}
    try:
        enter(given.get("surroundings", {}))
    except NotPossible as error:
        say({"not_possible": str(error)})
        return
    logging.basicConfig(stream=open(os.devnull, "w"), format="%(asctime)s %(name)s %(levelname)s %(message)s")  # noqa: SIM115
    module, _, function = sys.argv[1].partition(":")
    options = given.get("options", {})
    operators = [
        {"skill": name, "skill_options": options[name]} if name in options else name
        for name in sorted({*default_names(), "http", "sql", *options})
    ]
    library = importlib.import_module(module)
    lens = Beamlens.start(operators=operators, provider="rules", transcripts=False, control=False)
    app = getattr(library, function)()
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(wrap(app), log_level="warning", access_log=False, lifespan="off"))

    def investigate(reason: str, deadline: float) -> Mapping[str, Any]:
        return {"outcome": lens.run(reason, deadline=deadline).to_dict()}

    def talk() -> None:
        say({"port": listener.getsockname()[1], "pid": os.getpid(), "operators": lens.operator_names()})
        answer_lines({"investigate": investigate})
        lens.stop(timeout=30.0)
        os._exit(0)  # some of these programs cannot end by themselves: that is what is wrong with them

    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what goes wrong in these programs is not to fill the report
    threading.Thread(target=talk, name="talk", daemon=True).start()
    server.run(sockets=[listener])


if __name__ == "__main__":
    main()
