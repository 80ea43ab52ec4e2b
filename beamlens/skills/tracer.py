"""The skill `tracer`: the calls of one function of the application's, for a short while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from beamlens.errors import SkillError
from beamlens.skills.limits_given import rows, seconds_given
from beamlens.skills.skill import Skill
from beamlens.skills.tracing.hooks import Hook, hook_for
from beamlens.skills.tracing.session import Session
from beamlens.skills.tracing.target import find_target

__all__ = ["Tracer"]

_MOST_SECONDS: Final = 60.0
_MOST_CALLS: Final = 50
_PER_SECOND: Final = 500.0
_SHOWN_CALLERS: Final = 5

_SYSTEM_PROMPT: Final = """\
You can follow the calls of one function of a running Python application for a short while.

- Use it only for a question about a certain function: how often it is called, by whom, how long it takes, what it
  raises. If the question is about anything else, say so and be done.
- One trace at a time, one function, named in full: `shop.orders.place`, `shop.orders.Order.save`. It ends by itself:
  after its seconds, after its calls, or at once when the function is called too often.
- Of arguments and results only types are known.
- Only the application's own functions can be traced; a refusal says why."""

_DOCS: Final = """\
### tracer_start(function, seconds, calls)
Follow the calls of one function, named in full, for at most `seconds` (up to 60, default 10) and `calls` (up to 50,
default 20). Returns at once: `function`, `at` (where it begins), `how` (`wrapper` or `monitoring`), `seconds`, `calls`.
Of a decorated function the one below its decorators is followed; as a `wrapper`, what the decorators made of it.
Refused: while another trace runs; functions of the standard library, of installed packages and of BeamLens; what is not
written in Python; generators; and for a `wrapper` also properties and cached functions. A function called more than 500
times a second ends its trace.

```lua
local started, problem = tracer_start("shop.orders.place", 5, 20)
return started and started.at or problem
```

### tracer_get(limit)
What the present or last trace has seen: `active`, `function`, `ended` (why), `elapsed_ms`, `count` (all calls),
`per_second`, `calls`, newest first: rows of `at_ms` (since the start), `ms`, `arguments` (types by parameter),
`returned` or `raised` (a type), `thread`; `ms` (`p50`, `longest`), `raised` (by type; `sees_raised` is false where so
many exceptions fly that they are not followed), `callers` (the lines that call it, with how often). `limit` 1 to 50,
default 20.

```lua
local t = tracer_get(5)
return t.active and t.count
```

### tracer_stop()
End the trace before its time: `stopped` (whether one ran), `count`.

```lua
return tracer_stop().stopped
```
"""


class Tracer(Skill):
    """Trace one function at a time, within limits, and put everything back."""

    id: ClassVar[str] = "tracer"
    title: ClassVar[str] = "Function tracer"
    description: ClassVar[str] = (
        "Calls of one function of the application, on request and for seconds: how often, by whom, how long, what it "
        "raises"
    )
    system_prompt: ClassVar[str] = _SYSTEM_PROMPT

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._thread: threading.Thread | None = None
        self._left_behind = 0

    def stop(self) -> None:
        """End a trace that runs."""
        self.end()

    def callback_docs(self) -> str:
        """Return the callbacks' documentation."""
        return _DOCS

    def callbacks(self) -> Mapping[str, Callable[..., Any]]:
        """Return the callbacks; what they put into the application for a while is taken out again."""
        return {"tracer_start": self.begin, "tracer_get": self.get, "tracer_stop": self.end}

    def snapshot(self) -> dict[str, Any]:
        """Return whether a trace runs, and how far it is."""
        began = time.perf_counter()
        session = self._session
        data: dict[str, Any] = {
            "active": session is not None and session.active,
            "function": None if session is None else session.target.name,
            "count": None if session is None else session.count,
            "elapsed_ms": None if session is None else round(session.elapsed * 1e3, 1),
            "ended": None if session is None else session.ended,
            "wrappers_left_behind": self._left_behind,
            "missing": [] if session is not None else ["count: nothing was traced yet"],
        }
        data["cost_ms"] = round((time.perf_counter() - began) * 1e3, 3)
        return data

    # -- callbacks --------------------------------------------------------------------------------

    def begin(self, function: str, seconds: float = 10.0, calls: int = 20) -> dict[str, Any]:
        """Begin to trace."""
        lasting = seconds_given("tracer_start", "seconds", seconds, _MOST_SECONDS)
        if isinstance(calls, bool) or not isinstance(calls, int) or not 1 <= calls <= _MOST_CALLS:
            expected = f"a whole number from 1 to {_MOST_CALLS} is expected"
            raise SkillError("bad_arguments", f"tracer_start: calls is {calls!r:.80}; {expected}")
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                raise SkillError("refused", "tracer_start: a trace runs already; wait for its end, or tracer_stop()")
            target = find_target(function)
            over = threading.Event()
            session = Session(target, lasting, calls, _PER_SECOND, over.set)
            hook = hook_for(session)
            hook.put()
            self._thread = self._end_it_in_time(session, hook, lasting, over)
            self._session = session
        return {"function": function, "at": target.at, "how": hook.name, "seconds": lasting, "calls": calls}

    def _end_it_in_time(self, session: Session, hook: Hook, seconds: float, over: threading.Event) -> threading.Thread:
        arguments = session, hook, seconds, over
        thread = threading.Thread(target=self._watch, args=arguments, name="beamlens-tracer-end", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no thread can be had: nobody would end the trace
            hook.remove()
            raise SkillError("refused", f"tracer_start: {error}") from None
        return thread

    def _watch(self, session: Session, hook: Hook, seconds: float, over: threading.Event) -> None:
        over.wait(seconds)
        session.end("the time was over")
        with self._lock:
            self._left_behind += not hook.remove()

    def get(self, limit: int = 20) -> dict[str, Any]:
        """Return what was seen."""
        most, session = rows("tracer_get", limit), self._session
        if session is None:
            return {"active": False, "function": None, "ended": None, "count": 0, "calls": [], "sees_raised": True}
        records = list(session.records)
        taken = sorted(record["ms"] for record in records)
        elapsed = session.elapsed
        raised: dict[str, int] = {}
        for record in records:
            if record["raised"] is not None:
                raised[record["raised"]] = raised.get(record["raised"], 0) + 1
        return {
            "active": session.active,
            "function": session.target.name,
            "ended": session.ended,
            "elapsed_ms": round(elapsed * 1e3, 1),
            "count": session.count,
            "per_second": round(session.count / max(elapsed, 1e-3), 2),
            "calls": records[: -most - 1 : -1],
            "ms": {"p50": taken[len(taken) // 2], "longest": taken[-1]} if taken else None,
            "raised": raised,
            "sees_raised": session.sees_raised,
            "callers": [{"at": at, "calls": count} for at, count in session.callers.most_common(_SHOWN_CALLERS)],
        }

    def end(self) -> dict[str, Any]:
        """End the trace; return whether one ran."""
        session, thread = self._session, self._thread
        stopped = session is not None and session.end("it was stopped")
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5.0)
        return {"stopped": stopped, "count": 0 if session is None else session.count}
