"""What several tests of actors use."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from supervision.testing import wait_until

SECONDS = 10.0


def heard(recorder: Any) -> list[Any]:
    """Return what a recorder was told."""
    return recorder.ask("all", timeout=SECONDS)  # type: ignore[no-any-return]


def wait_heard(recorder: Any, count: int, timeout: float = SECONDS) -> list[Any]:
    """Return what a recorder was told, once that is so much."""
    return wait_until(lambda: (found := heard(recorder)) and len(found) >= count and found, timeout)  # type: ignore[arg-type, return-value]


def reason_of(raised: Any) -> object:
    """Return the term of the reason that `pytest.raises(ActorDown)` caught."""
    return raised.value.reason.term()


def gone(pid: int) -> bool:
    """Tell whether there is no such process; one that is dead and not reaped is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] in "ZX"
    except OSError:
        return True


def seconds_of(call: Callable[[], Any]) -> float:
    """Return how long a call takes."""
    begun = time.monotonic()
    call()
    return time.monotonic() - begun


def in_threads(count: int, run: Callable[[int], None]) -> None:
    """Run a function in several threads, and wait for them; raise what one of them raised."""
    errors: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            run(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]
