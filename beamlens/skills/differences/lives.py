"""What the program was made of in its last life, kept in a file of the user's."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from beamlens.skills.differences.facts import Difference, Facts, differences

__all__ = ["Lives", "program_key", "state_directory", "write_privately"]

_FORMAT: Final = 1
_SALT_BYTES: Final = 16
_SIBLINGS: Final = 120.0  # workers of one start begin within this time
_MOST_BYTES: Final = 4 * 2**20


def state_directory(name: str) -> Path:
    """Return `beamlens/NAME` in the user's state directory (XDG)."""
    home = os.environ.get("XDG_STATE_HOME")
    base = Path(home) if home and os.path.isabs(home) else Path.home() / ".local" / "state"
    return base / "beamlens" / name


def program_key() -> str | None:
    """Return a text that is the same for each start of this program; None where it has no file."""
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    if not isinstance(file, str):
        return None
    told = "\n".join([os.path.realpath(file), os.getcwd(), sys.prefix])
    return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


class Lives:
    """Keep facts from life to life. One thread.

    A file that cannot be read or written is no error: then nothing is known of the last life. Workers of one program
    share the file, so it has the facts of two lives: one that finds its own facts there compares with those before.

    Args:
        file: where; None: nowhere.
        clock: seconds since 1970.
    """

    def __init__(self, file: Path | None, clock: Callable[[], float] = time.time) -> None:
        self._file = file
        self._clock = clock
        self._told = self._read()
        self.problem: str | None = None if file is not None else "this program has no file, so its lives are not known"
        self.last_at: float | None = None

    @property
    def salt(self) -> bytes:
        """The salt of fingerprints, the same in each life."""
        try:
            given = bytes.fromhex(str(self._told.get("salt")))
        except ValueError:
            given = b""
        if len(given) != _SALT_BYTES:
            given = os.urandom(_SALT_BYTES)
            self._told = {"salt": given.hex()}  # what was kept with another salt cannot be compared
        return given

    def begin(self, facts: Facts) -> list[Difference]:
        """Return what is different from the last life, and keep the present facts for the next one."""
        newest, older = self._life("newest"), self._life("older")
        now = self._clock()
        if newest is None:
            self._write({"newest": {"at": now, "facts": facts}})
            return []
        changed = list(differences(newest["facts"], facts))
        if changed:
            self.last_at = newest["at"]
            self._write({"newest": {"at": now, "facts": facts}, "older": newest})
            return changed
        if older is not None and now - newest["at"] <= _SIBLINGS:
            self.last_at = older["at"]
            return list(differences(older["facts"], facts))
        self.last_at = newest["at"]
        self._write({"newest": {"at": now, "facts": facts}})
        return []

    def _life(self, name: str) -> dict[str, Any] | None:
        found = self._told.get(name)
        good = isinstance(found, dict) and isinstance(found.get("at"), int | float) and _are_facts(found.get("facts"))
        return found if good else None

    def _read(self) -> dict[str, Any]:
        if self._file is None:
            return {}
        try:
            if self._file.stat().st_size > _MOST_BYTES:
                return {}
            told = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return told if isinstance(told, dict) and told.get("format") == _FORMAT else {}

    def _write(self, lives: dict[str, Any]) -> None:
        if self._file is None:
            return
        try:
            write_privately(self._file, json.dumps({"format": _FORMAT, "salt": self.salt.hex(), **lives}))
        except OSError as error:
            self.problem = f"the file of lives cannot be written: {error.strerror}"


def write_privately(file: Path, text: str) -> None:
    """Write a file that only this user can read, whole or not at all; raises `OSError`."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(number, "w", encoding="utf-8") as opened:
            opened.write(text)
        os.replace(name, file)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _are_facts(given: object) -> bool:
    return isinstance(given, dict) and all(
        isinstance(section, dict) and all(isinstance(text, str) for text in section.values())
        for section in given.values()
    )
