"""Serve a skill from inside a small real program, asked over stdin and stdout.

    python -m tests.beamlens.skills.served beamlens.skills.logger:Logger tests.beamlens.skills.logger.programs:storm

The program is a function of one argument, an event that is set at the end; it runs on a thread of its own beside the
skill. Each line on stdin is a JSON list `[name, arguments...]`; each answer is a line of JSON.
"""

from __future__ import annotations

import importlib
import json
import sys
import threading
from typing import Any

from beamlens.errors import SkillError


def _named(address: str) -> Any:
    module, _, name = address.partition(":")
    return getattr(importlib.import_module(module), name)


def _answer(skill: Any, name: str, arguments: list[Any]) -> Any:
    if name == "snapshot":
        return skill.snapshot()
    try:
        return skill.callbacks()[name](*arguments)
    except SkillError as error:
        return {"error": error.kind, "text": error.text}


def main() -> None:
    skill = _named(sys.argv[1])(**json.loads(sys.argv[3]))
    skill.start()
    ended = threading.Event()
    program = threading.Thread(target=_named(sys.argv[2]), args=(ended,), daemon=True)
    program.start()
    answers, sys.stdout = sys.stdout, sys.stderr  # what the program prints is no answer
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(_answer(skill, name, arguments), allow_nan=False), file=answers, flush=True)
    ended.set()
    program.join(20)
    skill.stop()


if __name__ == "__main__":
    main()
