"""Show a few lines of the project's own source code, and of nothing else.

What may be read: regular files of Python source below the project's root, with links resolved first. Never the
standard library, installed packages, virtual environments, hidden directories, or files of any other kind: a model
that was led astray by what it read must not get at keys or settings through this.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from beamlens.errors import SkillError

__all__ = ["ProjectSource", "project_roots"]

_SUFFIXES: Final = frozenset([".py", ".pyw", ".pyi", ".pyx"])
_MARKERS: Final = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "manage.py", "Pipfile", ".git")
_PACKAGES: Final = frozenset(["site-packages", "dist-packages"])
_AROUND: Final = 5
_LINE_CHARS: Final = 240
_MOST_LINES: Final = 200_000
_WRAPPERS: Final = 20


@dataclass(frozen=True, slots=True)
class _Place:
    path: str
    line: int | None = None


class ProjectSource:
    """Find source code by module, function, class or file. Any thread.

    Args:
        roots: directories; files below them may be read.
    """

    def __init__(self, roots: Iterable[Path]) -> None:
        self._roots = [root.resolve() for root in roots]

    def show(self, name_or_file: str, line: int | None = None) -> dict[str, Any]:
        """Return `file` (from the root), `line` and `lines`: the lines around it, each with its number.

        Args:
            name_or_file: `shop.orders`, `shop.orders.Order.save`, `shop/orders.py` or `shop/orders.py:88`.
            line: counted from 1; without it the beginning of what is named.

        Raises:
            SkillError: `refused`, it is not in the project, or is no source code; `bad_arguments`, no such line.
        """
        place = self._find(name_or_file)
        path = self._allowed(place.path, name_or_file)
        wanted = line if line is not None else place.line
        return self._excerpt(path, wanted)

    # -- finding ----------------------------------------------------------------------------------

    def _find(self, given: str) -> _Place:
        file, line = _split_line(given.strip())
        if os.sep in file or Path(file).suffix in _SUFFIXES:
            return _Place(self._file(file), line)
        found = _loaded(file) or self._unloaded(file)
        if found is None:
            raise _refused(given)
        return found if line is None else _Place(found.path, line)

    def _file(self, file: str) -> str:
        if os.path.isabs(file):
            return file
        candidates = [str(root / file) for root in self._roots]
        return next((path for path in candidates if os.path.exists(path)), candidates[0] if candidates else file)

    def _unloaded(self, name: str) -> _Place | None:
        """Look for a module's file by its name: a skill that runs elsewhere has not loaded it."""
        if not re.fullmatch(r"\w+(\.\w+)*", name):
            return None
        parts = name.split(".")
        for root in self._roots:
            for count in range(len(parts), 0, -1):
                base = root.joinpath(*parts[:count])
                for path in (base.with_suffix(".py"), base / "__init__.py"):
                    if path.is_file():
                        return _Place(str(path), _definition(path, parts[count:]))
        return None

    # -- what may be read -------------------------------------------------------------------------

    def _allowed(self, file: str, given: str) -> Path:
        """Return the path with links resolved; the refusal does not tell whether there is such a file."""
        try:
            path = Path(os.path.realpath(file))
            inside = any(_is_own(path, root) for root in self._roots)
            good = inside and path.suffix in _SUFFIXES and path.is_file()
        except (OSError, ValueError):
            good = False
        if not good:
            raise _refused(given)
        return path

    def _excerpt(self, path: Path, line: int | None) -> dict[str, Any]:
        wanted = line if line is not None else 1
        first = max(1, wanted - _AROUND)
        texts = list(islice(_lines(path), first - 1, wanted + _AROUND)) if wanted >= 1 else []
        if not 1 <= wanted < first + len(texts) and line is not None:
            count = sum(1 for _ in _lines(path))
            raise SkillError("bad_arguments", f"there is no line {wanted} in {self._shown(path)}, which has {count}")
        numbered = [f"{first + at}: {text}" for at, text in enumerate(texts)]
        return {"file": self._shown(path), "line": wanted, "lines": numbered}

    def _shown(self, path: Path) -> str:
        root = next(root for root in self._roots if path.is_relative_to(root))
        return str(path.relative_to(root))


def project_roots(directory: Path, main_file: str | None) -> list[Path]:
    """Return the directories that hold a program's own source code.

    Args:
        directory: the program's working directory.
        main_file: the file that was started, if any.
    """
    starts = [directory, *([Path(main_file).resolve().parent] if main_file else [])]
    found = [root for start in starts if (root := _root_of(start.resolve())) is not None]
    return list(dict.fromkeys(found))


def _root_of(start: Path) -> Path | None:
    """Return the nearest directory upward with a project's marker, else `start` itself, but no too wide one."""
    home = Path.home()
    for directory in (start, *start.parents):
        if directory == Path(directory.anchor):
            break
        if any((directory / marker).exists() for marker in _MARKERS):
            return directory
        if directory == home:
            break
    return None if start in (home, Path(start.anchor)) else start


def _is_own(path: Path, root: Path) -> bool:
    if not path.is_relative_to(root):
        return False
    below = path.relative_to(root).parts
    if any(part.startswith(".") or part in _PACKAGES for part in below):
        return False
    if any(path.is_relative_to(place) and not root.is_relative_to(place) for place in _INSTALLED):
        return False
    return not any((root.joinpath(*below[:count]) / "pyvenv.cfg").exists() for count in range(len(below)))


def _installed() -> list[Path]:
    paths = sysconfig.get_paths()
    names = [paths["stdlib"], paths["platstdlib"], paths["purelib"], paths["platlib"], sys.prefix, sys.base_prefix]
    return [Path(os.path.realpath(name)) for name in names]


_INSTALLED: Final = _installed()


def _split_line(given: str) -> tuple[str, int | None]:
    file, colon, line = given.rpartition(":")
    return (file, int(line)) if colon and line.isdecimal() and len(line) < 10 else (given, None)


def _loaded(name: str) -> _Place | None:
    """Find a loaded module, or a function or class in one; runs no code of theirs."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        module = sys.modules.get(".".join(parts[:count]))
        file = vars(module).get("__file__") if module is not None else None
        if isinstance(file, str):
            return _member(module, file, parts[count:])
    return None


def _member(module: object, file: str, names: list[str]) -> _Place | None:
    found: Any = module
    for name in names:
        found = inspect.getattr_static(found, name, None)
    if found is None:
        return None
    code = _code_of(found)
    if code is not None:
        return _Place(code.co_filename, code.co_firstlineno)
    return _Place(file, _definition(Path(file), names))


def _code_of(found: Any) -> Any:
    for _ in range(_WRAPPERS):
        inner = next((vars_of for key in ("__wrapped__", "__func__", "fget") if (vars_of := _static(found, key))), None)
        if inner is None:
            break
        found = inner
    return getattr(found, "__code__", None) if inspect.isfunction(found) else None


def _static(found: Any, key: str) -> Any:
    if isinstance(found, staticmethod | classmethod) and key == "__func__":
        return found.__func__
    if isinstance(found, property) and key == "fget":
        return found.fget
    if inspect.isfunction(found) and key == "__wrapped__":
        return vars(found).get(key)
    return None


def _definition(path: Path, names: list[str]) -> int | None:
    """Return the line that defines the last of the names, None without names or where it is not found."""
    if not names or path.suffix not in _SUFFIXES:
        return None
    pattern = re.compile(rf"\s*(class|def|async def)\s+{re.escape(names[-1])}\b|{re.escape(names[-1])}\s*[:=]")
    try:
        return next((number for number, text in enumerate(_lines(path), 1) if pattern.match(text)), None)
    except OSError:
        return None


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="replace") as file:
        for text in islice(iter(lambda: file.readline(100_000), ""), _MOST_LINES):
            yield text.rstrip("\n")[:_LINE_CHARS]


def _refused(given: str) -> SkillError:
    return SkillError(
        "refused",
        f"{given[:120]!r} is not source code of this project: give a module, function or class of it, or a file below "
        "its root; installed packages and other files are not shown",
    )
