"""Where runs stand, in memory and as files: bounds, torn files, wrong names."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from beamlens.journal.store import JournalStore, default_directory, find, read_bodies

RUN = "a" * 32
OTHER = "b" * 32
OWNER = "operator:vm"


def test_unfinished_runs_oldest_first() -> None:
    store = JournalStore()
    for run in (OTHER, RUN):
        store.append(OWNER, run, b"began")
    store.append(OWNER, OTHER, b"step")
    store.append("coordinator", "c" * 32, b"began")
    assert store.unfinished(OWNER) == [[b"began", b"step"], [b"began"]]
    store.finish(OWNER, OTHER, b"end")
    assert store.unfinished(OWNER) == [[b"began"]]
    assert (store.outcome(OTHER), store.outcome(RUN)) == (b"end", None)
    store.forget(OWNER)
    assert store.unfinished(OWNER) == []


def test_a_shortened_conversation_makes_what_came_before_needless() -> None:
    store = JournalStore()
    for body in (b"began", b"1", b"2"):
        store.append(OWNER, RUN, body)
    store.append(OWNER, RUN, b"all", anew=True)
    store.append(OWNER, RUN, b"3")
    assert store.unfinished(OWNER) == [[b"began", b"all", b"3"]]


def test_a_run_that_is_too_large_starts_anew_and_never_from_its_middle(caplog: pytest.LogCaptureFixture) -> None:
    store = JournalStore(run_bytes=30)
    store.append(OWNER, RUN, b"began")
    for number in range(10):
        store.append(OWNER, RUN, b"step %d 0123456789" % number)
    assert store.unfinished(OWNER) == [[b"began"]]
    assert len(caplog.records) == 1
    # Who asked goes on from there, and is kept again.
    store.append(OWNER, RUN, b"crashed")
    assert store.unfinished(OWNER) == [[b"began", b"crashed"]]


def test_one_that_was_too_large_is_kept_again_once_it_is_shortened() -> None:
    store = JournalStore(run_bytes=30)
    for body in (b"began", b"x" * 40, b"lost"):
        store.append(OWNER, RUN, body)
    store.append(OWNER, RUN, b"all", anew=True)
    assert store.unfinished(OWNER) == [[b"began", b"all"]]


@pytest.mark.parametrize("run_id", ["", "../../etc/passwd", "A" * 32, "a" * 31, "a" * 33, "a" * 32 + "\n"])
def test_a_name_that_is_none_is_refused(run_id: str, tmp_path: Path) -> None:
    store = JournalStore(tmp_path)
    with pytest.raises(ValueError, match="32 hexadecimal"):
        store.append(OWNER, run_id, b"")
    with pytest.raises(ValueError, match="32 hexadecimal"):
        store.finish(OWNER, run_id, b"")
    assert not list(tmp_path.iterdir())


def test_outcomes_are_remembered_for_a_while() -> None:
    store = JournalStore()
    runs = [f"{number:032x}" for number in range(100)]
    for run in runs:
        store.finish(OWNER, run, run.encode())
    assert [store.outcome(run) is not None for run in runs] == [False] * 36 + [True] * 64


def test_a_transcript_is_for_its_user_alone_and_is_read_again(tmp_path: Path) -> None:
    directory = tmp_path / "state" / "runs"
    store = JournalStore(directory)
    store.append(OWNER, RUN, b"began")
    store.append(OWNER, RUN, b"")
    store.finish(OWNER, RUN, b"end")
    (path,) = directory.iterdir()
    assert path.name == f"{RUN}.journal"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert list(read_bodies(path)) == [b"began", b"", b"end"]


def test_a_torn_transcript_gives_what_is_whole(tmp_path: Path) -> None:
    store = JournalStore(tmp_path)
    for body in (b"began", b"step", b"end"):
        store.append(OWNER, RUN, body)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        expected = 0 if length < 9 else 1 if length < 17 else 2
        assert len(list(read_bodies(path))) == expected


def test_its_end_is_written_also_where_the_rest_was_too_much(tmp_path: Path) -> None:
    store = JournalStore(tmp_path, run_bytes=20)
    store.append(OWNER, RUN, b"began")
    store.append(OWNER, RUN, b"x" * 30)
    store.finish(OWNER, RUN, b"end")
    (path,) = tmp_path.iterdir()
    assert list(read_bodies(path)) == [b"began", b"end"]


def test_only_so_many_stay(tmp_path: Path) -> None:
    for number in range(5):
        path = tmp_path / f"{number:032x}.journal"
        path.write_bytes(b"")
        os.utime(path, (time.time() - 1000 + number,) * 2)
    store = JournalStore(tmp_path, kept_runs=3)
    assert sorted(path.stem[-1] for path in tmp_path.iterdir()) == ["2", "3", "4"]
    for run in (RUN, OTHER):
        store.append(OWNER, run, b"began")
        store.append(OWNER, run, b"step")
    assert sorted(path.stem[-1] for path in tmp_path.iterdir()) == ["4", "a", "b"]


def test_a_directory_that_cannot_be_written_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    store = JournalStore(blocked / "runs")
    store.append(OWNER, RUN, b"began")
    assert store.unfinished(OWNER) == [[b"began"]]
    assert len(caplog.records) == 1


def test_a_transcript_is_found_by_the_beginning_of_its_name(tmp_path: Path) -> None:
    store = JournalStore(tmp_path)
    for run in (RUN, "ab" * 16):
        store.append(OWNER, run, b"began")
    assert find(tmp_path, "aa") == tmp_path / f"{RUN}.journal"
    assert find(tmp_path, "a") is None
    assert find(tmp_path, "c") is None
    assert find(tmp_path / "none", "a") is None


def test_where_transcripts_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_directory() == tmp_path / "beamlens" / "runs"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert default_directory() == Path.home() / ".local" / "state" / "beamlens" / "runs"
