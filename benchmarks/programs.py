"""Programs that a benchmark starts and talks to in lines of JSON, one answer to each question."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

__all__ = ["Program", "ProgramFailed", "answer_lines", "say"]

_END_SECONDS: Final = 30.0


class ProgramFailed(Exception):
    """A program of a benchmark ended or answered nothing; what it wrote to standard error is above."""


class Program:
    """Run a module in an interpreter of its own. A context manager; one thread.

    Args:
        module: what `python -m` is given.
        arguments: of the program.
    """

    def __init__(
        self, module: str, arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> None:
        self._module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        """The program's process id."""
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def ask(self, seconds: float = 60.0, /, **question: Any) -> dict[str, Any]:
        """Send a question and return its answer.

        Raises:
            ProgramFailed: the program ended, did not answer in time, or answered that it failed.
        """
        self.tell(**question)
        return self.hear(seconds)

    def tell(self, **message: Any) -> None:
        """Send a message that has no answer, or whose answer is heard later."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise ProgramFailed(f"{self._module} is gone: {error}") from None

    def hear(self, seconds: float = 60.0) -> dict[str, Any]:
        """Return the next answer; the program is killed where none comes."""
        assert self._process.stdout is not None
        killer = threading.Timer(seconds, self._process.kill)
        killer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            killer.cancel()
        if not line:
            raise ProgramFailed(f"{self._module} said nothing within {seconds:.0f} s, or ended")
        answer = dict(json.loads(line))
        if "failed" in answer:
            raise ProgramFailed(f"{self._module}: {answer['failed']}")
        return answer

    def close(self) -> None:
        """End the program's input, and the program where that does not."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):  # it may be gone already
            self._process.stdin.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def say(message: Mapping[str, Any]) -> None:
    """Write one line of JSON to standard output; in the program."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def answer_lines(answers: Mapping[str, Callable[..., Mapping[str, Any]]]) -> None:
    """Answer questions until the input ends; in the program. A question's `do` names what answers it."""
    for line in sys.stdin:
        question = json.loads(line)
        try:
            say(answers[question.pop("do")](**question))
        except Exception as error:
            say({"failed": f"{type(error).__name__}: {error}"})
