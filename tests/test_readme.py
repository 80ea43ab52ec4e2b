"""The README and docs say what is so: their programs are run, their tables compared with the code."""

import dataclasses
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

import supervision
from beamlens.cli.app import make_app
from supervision import cli, spec
from supervision.process.settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
OF_SUPERVISION = ("design.md", "exits.md", "telemetry.md")  # the pages of BeamLens have tests of their own
ALL = {"README.md": README, **{name: (ROOT / "docs" / name).read_text() for name in OF_SUPERVISION}}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", "\n".join(ALL.values()), re.MULTILINE | re.DOTALL)


def table_after(text: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table after a heading, without its head."""
    part = text[text.index(heading) :]
    rows = re.search(r"((?:^\|.*\|$\n)+)", part, re.MULTILINE)
    assert rows is not None
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in rows[0].splitlines()[2:]]


PROGRAMS = {block.split("\n", 1)[0].removeprefix("# "): block for block in blocks("python")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("readme")
    for name, text in PROGRAMS.items():
        (made / name).write_text(text)
    return made


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, as somebody would who has installed the package and nothing else."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={
            "PYTHONPATH": str(ROOT),
            "PATH": "",
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_RUNTIME_DIR": str(folder),
        },
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )


def test_every_program_says_its_name() -> None:
    assert len(PROGRAMS) == len(blocks("python"))
    assert all(re.fullmatch(r"[a-z]+\.py", name) for name in PROGRAMS), list(PROGRAMS)


@pytest.mark.parametrize("name", sorted(set(PROGRAMS) - {"service.py"}))
def test_the_program_prints_what_the_readme_says(name: str, folder: Path) -> None:
    done = run(folder, name)
    assert (done.returncode, done.stderr) == (0, "")
    expected = re.findall(r"# -> (.*)", PROGRAMS[name])
    assert done.stdout.splitlines() == expected


ENDED_SERVICE = """
import os, service, signal, threading
from supervision.testing import wait_until

def end():
    wait_until(lambda: signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL, timeout=30)
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=end).start()
raise SystemExit(service.main())
"""


def test_the_service_ends_in_order_when_it_is_told_to(folder: Path) -> None:
    done = run(folder, "-c", ENDED_SERVICE)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_first_program_is_short() -> None:
    lines = [line for line in PROGRAMS["counter.py"].splitlines() if line.strip()]
    assert len(lines) - 1 <= 15, "without the line with its name"
    assert README.index("make demo") < README.index("make test") < README.index("# counter.py")


# -- commands


def commands() -> Iterator[list[str]]:
    for block in blocks("sh"):
        for line in block.splitlines():
            yield shlex.split(line, comments=True)


@pytest.mark.parametrize("command", [pytest.param(words, id=" ".join(words)) for words in commands()])
def test_every_command_is_understood(command: list[str]) -> None:
    if command[0] == "make":
        assert re.search(rf"^{command[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return
    if command[0] == "beamlens":
        group = typer.main.get_command(make_app())
        assert isinstance(group, TyperGroup)
        name, sub, rest = group.resolve_command(group.context_class(group), command[1:])
        assert sub is not None
        sub.make_context(name, rest)
        return
    assert command[:2] == ["python", "-m"]
    arguments = [word.replace("PID", "1") for word in command[3:]]
    if command[2] == "supervision":
        cli._parser().parse_args(arguments)
    else:
        benchmarks = pytest.importorskip("benchmarks.__main__")
        benchmarks._parser().parse_args(arguments)


def test_the_options_that_comments_name_exist() -> None:
    comments = "\n".join(line.partition(" # ")[2] for line in "\n".join(blocks("sh")).splitlines())
    for option in re.findall(r"--[a-z-]+", comments):
        texts = [cli._parser().format_help(), (ROOT / "supervision/cli.py").read_text()]
        texts += [path.read_text() for path in (ROOT / "benchmarks").glob("__main__.py")]
        texts += [path.read_text() for path in (ROOT / "beamlens" / "cli").glob("*.py")]
        assert any(option in text for text in texts), option


# -- tables


def first_names(rows: list[list[str]]) -> list[str]:
    return [row[0].strip("`| ") for row in rows]


def test_every_option_of_a_child_is_in_the_table() -> None:
    fields = [field.name for field in dataclasses.fields(supervision.ChildSpec)]
    assert first_names(table_after(README, "### Options of a child")) == sorted(fields, key=fields.index)


def test_every_flag_of_a_supervisor_is_in_the_table_with_its_default() -> None:
    rows = table_after(README, "### Options of a supervisor")
    flags = dataclasses.fields(supervision.SupervisorFlags)
    assert first_names(rows) == [*(flag.name for flag in flags), "name", "spares"]
    for row, flag in zip(rows, flags, strict=False):
        assert str(flag.default) in row[3]


def test_every_setting_is_in_the_table_with_its_default() -> None:
    rows = table_after(README, "### Settings of the program")
    assert first_names(rows) == [field.name for field in dataclasses.fields(Settings)]
    defaults = {row[0].strip("`| "): row[1] for row in rows}
    settings = Settings()
    for name in ("spares", "preload", "start_timeout", "rehearse", "withheld_env"):
        assert str(getattr(settings, name)) in defaults[name]
    assert eval(defaults["limits"].strip("`"), {"Limits": supervision.Limits}) == settings.limits
    assert defaults["outbox_bytes"] == f"{settings.outbox_bytes // 2**20} MiB"


def test_the_defaults_of_backoff_are_as_written() -> None:
    written = re.search(r"`Backoff\(([^)]*)\)`", " | ".join(table_after(README, "### Options of a child")[7]))
    assert written is not None
    assert eval(f"Backoff({written[1]})", {"Backoff": spec.Backoff}) == spec.Backoff()


def emitted() -> set[tuple[str, str]]:
    """Return (subject, what) of every event that the code emits."""
    source = "\n".join(path.read_text() for path in (ROOT / "supervision").rglob("*.py"))
    found = set(re.findall(r'report_event(?:\(|,)\s*"(\w+)", "(\w+)"', source))
    contexts = ("child_terminated", "start_error", "shutdown_error", "shutdown")
    assert all(f'"{context}"' in source for context in contexts)
    return found | {("supervisor", context) for context in contexts}


@pytest.mark.parametrize("name", ["README.md", "telemetry.md"])
def test_every_event_is_in_the_table(name: str) -> None:
    assert set(re.findall(r'^\| `\("supervision", "(\w+)", "(\w+)"\)`', ALL[name], re.MULTILINE)) == emitted()


def test_every_name_that_is_imported_or_called_exists() -> None:
    text = "\n".join(ALL.values())
    public = set(supervision.__all__)
    for names in re.findall(r"from supervision import (.*)", text):
        assert set(names.split(", ")) <= public | {"telemetry"}
    words = set(re.findall(r"`([A-Z][A-Za-z]+)[(`]", text))
    foreign = {"ThreadingActor", "SystemExit", "KeyboardInterrupt", "ActorDeadError"}
    testing = {"FakeClock", "LeakGuard"}
    sources = [path.read_text() for path in (ROOT / "beamlens").rglob("*.py")]
    classes = set(re.findall(r"^class (\w+)", "\n".join(sources), re.MULTILINE))
    assert words - public <= foreign | testing | classes | {"None", "True", "False"}


def test_links_lead_somewhere() -> None:
    pages = {ROOT / "README.md": README, **{path: path.read_text() for path in (ROOT / "docs").rglob("*.md")}}
    for page, text in pages.items():
        base = page.parent
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
            assert target.startswith("http") or (base / target).is_file(), target


def test_there_is_a_place_for_what_is_measured() -> None:
    assert README.count("<!-- measured: begin -->") == README.count("<!-- measured: end -->") == 1


# -- the table of exits is what happens

EXITS = """
import ctypes, faulthandler, json, os, signal, sys, time
from supervision import *
from supervision.testing import capture_events, wait_until

class Mortal(ProcessActor):
    def on_start(self):
        faulthandler.disable()

    def on_stop(self):
        os.write(2, f"stopped {os.getpid()}\\n".encode())

    def on_failure(self, *_):
        os.write(2, f"failed {os.getpid()}\\n".encode())

    def on_receive(self, way):
        if way == "exception in a `tell`" or way == "exception in an `ask`":
            raise RuntimeError("boom")
        elif way == "`KeyboardInterrupt`":
            raise KeyboardInterrupt
        elif way == "SIGKILL":
            os.kill(os.getpid(), signal.SIGKILL)
        elif way == "SIGSEGV":
            ctypes.string_at(0)
        elif way == "SIGTERM from outside":
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        else:
            eval(way.split("`")[1])

RESTARTS = ("permanent", "transient", "temporary")

def fate(tree, events, restart, way):
    ref = tree[restart]
    pinned = ref.pinned()
    pid = ref.pid
    future = None
    if way == "exception in a `tell`":
        ref.tell(way)
    else:
        future = ref.ask(way, block=False)
    asker = "-"
    if future is not None:
        try:
            future.get(timeout=10)
            asker = "the answer"
        except ActorDown:
            asker = "`ActorDeadError`"
        except RemoteError:
            asker = "`RemoteError`"
        except RuntimeError:
            asker = "the exception"
    if way == "exception in an `ask`":
        return pid, "it lives on", asker, "lives on" if pinned.is_alive() else "died"
    down = events.wait_for(lambda e: e.name[2] == "down" and e.metadata["pid"] == pid)
    wait_until(lambda: restart not in tree or not ref.is_alive() or (ref.pid not in (None, pid)))
    rows = [row.child for row in tree.which_children() if row.id == restart]
    after = "is forgotten" if not rows else "stays down" if rows == ["undefined"] else "restarts"
    return pid, f"`{down.metadata['reason']}`", asker, after

if __name__ == "__main__":
    with capture_events([("supervision", "child", "down")]) as events:
        for way in json.loads(sys.argv[1]):
            tree = Supervisor.start([ChildSpec(id=r, start=(Mortal, (), {}), restart=r) for r in RESTARTS])
            print(json.dumps([way, [fate(tree, events, r, way) for r in RESTARTS]]), flush=True)
            tree.kill()
"""


def table_of_exits() -> dict[str, list[str]]:
    """Return the rows about ends that an actor can bring about, by their first cell."""
    rows = {row[0].strip("| "): row[1:] for row in table_after(README, "## What happens at each kind")}
    return {way: row for way, row in rows.items() if row[3] != "-" and row[3] in ("restarts", "lives on")}


def test_the_table_of_exits_is_what_happens(tmp_path: Path) -> None:
    (tmp_path / "mortal.py").write_text(EXITS)
    rows = table_of_exits()
    assert len(rows) >= 15
    done = run(tmp_path, "mortal.py", json.dumps(list(rows)))
    assert done.returncode == 0, done.stderr
    hooks = dict.fromkeys(re.findall(r"(stopped|failed) (\d+)", done.stderr))
    for line in done.stdout.splitlines():
        way, fates = json.loads(line)
        reason, on_stop, asker, *afters = rows.pop(way)
        assert [fate[3] for fate in fates] == [after.strip("| ") for after in afters], way
        for pid, found, heard, _ in fates:
            assert (found, heard) == (reason, asker), way
            assert ("stopped", str(pid)) in hooks if on_stop == "yes" else ("stopped", str(pid)) not in hooks, way
            assert (("failed", str(pid)) in hooks) == ("on_failure" in on_stop), way
    assert not rows
