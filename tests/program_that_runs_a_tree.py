"""A program that is its tree; the tests of `run` start it and send it signals. argv[1] says how it fares."""

from __future__ import annotations

import os
import signal
import sys
import time

from supervision import ChildSpec, ProcessActor, Supervisor, run


class Speaker(ProcessActor):
    """Say when it starts and stops; `slow` takes its time for it, `fails` dies of every message."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def on_start(self) -> None:
        self._say("start")

    def on_stop(self) -> None:
        self._say("stop")
        while self.name == "slow":
            time.sleep(0.1)

    def on_receive(self, message: str) -> None:
        if message == "fail":
            os.kill(os.getpid(), signal.SIGKILL)
        self.stop()

    def _say(self, what: str) -> None:
        os.write(1, f"{what} {self.name} {os.getpid()}\n".encode())


def main(how: str) -> int:
    names = ["one", "two", "slow"] if how == "slow" else ["one", "two", "three"]
    children = [ChildSpec(id=name, start=(Speaker, (name,)), shutdown=60.0) for name in names]
    if how == "ends":
        children = [
            ChildSpec(id="one", start=(Speaker, ("one",)), restart="transient", significant=True),
        ]
    tree = Supervisor.start(children, intensity=0, auto_shutdown="any_significant" if how == "ends" else "never")
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    if how in ("fails", "ends"):
        tree["one"].tell("fail" if how == "fails" else "end")
    if how == "gone":
        tree.stop()
    os.write(1, b"ready\n")
    code = run(tree)
    same = before == (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))
    os.write(1, f"code {code}, {'same' if same else 'other'} handlers, {tree.reason}\n".encode())
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
