"""What a subject logs and emits."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from supervision import telemetry
from supervision.process import child_telemetry, context

__all__ = ["Telling"]


class Telling:
    """Log and emit; be mixed into `Subject`."""

    # -- logs and events

    def do_log(self, level: int, text: str, count: int = 1) -> float:
        begun = time.monotonic()
        for number in range(count):
            logging.getLogger("tests.actors.child").log(level, text, number)
        return time.monotonic() - begun

    def do_log_plain(self, name: str, level: int, text: str) -> None:
        logging.getLogger(name).log(level, text)

    def do_log_lone_surrogate(self) -> None:
        logging.getLogger("tests.actors.child").error("odd \ud800 text")

    def do_own_events(self, name: list[str]) -> list[Any]:
        found: list[Any] = []
        telemetry.attach("own", tuple(name), lambda _, measurements, *rest: found.append(dict(measurements)))
        telemetry.execute(tuple(name), {"n": 1}, {})
        telemetry.detach("own")
        return found

    def do_span(self, name: list[str]) -> None:
        with telemetry.span(tuple(name), {}):
            time.monotonic()

    def do_log_error(self) -> None:
        try:
            raise LookupError("inner trouble")
        except LookupError:
            logging.getLogger("tests.actors.child").exception("it went wrong")

    def do_emit(self, name: list[str], measurements: dict[str, Any], metadata: dict[str, Any]) -> None:
        telemetry.execute(tuple(name), measurements, metadata)

    def do_emit_live_objects(self, name: list[str]) -> None:
        live = {"thread": threading.current_thread(), "set": {1}, "t": (1, "x" * 20000)}
        telemetry.execute(tuple(name), {"n": 1}, live)

    def do_interests(self) -> list[Any]:
        return sorted(child_telemetry._told)

    def do_frames_sent(self, name: list[str]) -> int:
        """Emit an event and count the frames that leave this process."""
        link = context.node().link  # type: ignore[attr-defined]
        sent = []
        plain = link.send

        def counting(content: Any) -> None:
            sent.append(content)
            plain(content)

        link.send = counting
        try:
            telemetry.execute(tuple(name), {"n": 1}, {})
        finally:
            del link.send
        return len(sent)

    def do_log_from_threads(self, threads: int, each: int) -> None:
        def run(number: int) -> None:
            for turn in range(each):
                logging.getLogger("tests.actors.threads").info("%d %d", number, turn)

        workers = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
