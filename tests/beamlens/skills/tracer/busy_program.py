"""A web application of the incidents under load, with the skill `tracer` inside: MODULE:FUNCTION, requests a second."""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
import threading

import uvicorn

from beamlens.skills.tracer import Tracer
from benchmarks.programs import Program
from tests.beamlens.skills.answering import answer_all

_SECONDS = 120.0


def main() -> None:
    module, _, function = sys.argv[1].partition(":")
    app = getattr(importlib.import_module(f"benchmarks.cases.{module}"), function)()
    skill = Tracer()
    skill.start()
    with socket.socket() as listener, Program("benchmarks.web.load", [_bound(listener)]) as load:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        load.tell(do="pace", seconds=_SECONDS, connections=8, rate=float(sys.argv[2]), routes=["/{}"])
        answer_all(skill)
        os.kill(load.pid, signal.SIGKILL)  # it would go on until its time is over
        server.should_exit = True
        thread.join(10)
    skill.stop()


def _bound(listener: socket.socket) -> str:
    listener.bind(("127.0.0.1", 0))
    listener.listen(100)
    return str(listener.getsockname()[1])


if __name__ == "__main__":
    main()
