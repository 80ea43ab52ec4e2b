"""The lock: one holder, released with its process, never two for one path."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from beamlens.errors import ConfigurationError
from beamlens.nodes.lease import Lease, MeetingPlace
from beamlens.options import Options
from supervision.testing import wait_until

HOLD = """
import sys
from pathlib import Path
from beamlens.nodes.lease import Lease
lease = Lease(Path(sys.argv[1]))
print(lease.take(), flush=True)
sys.stdin.read()
"""


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    first, second = Lease(tmp_path / "lock"), Lease(tmp_path / "lock")
    assert first.take()
    assert first.take(), "it has it already"
    assert not second.take()
    first.give_back()
    assert not (tmp_path / "lock").exists()
    assert second.take()
    second.give_back()
    second.give_back()
    assert not second.held


def test_the_lock_goes_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lease = Lease(path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert not lease.take()
        holder.kill()
        wait_until(lease.take)
    lease.give_back()


def test_a_file_that_was_removed_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lock"
    first, late = Lease(path), Lease(path)
    assert first.take()
    held_before = os.open(path, os.O_RDWR)  # who opened the file while it was held ...
    first.give_back()
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", lambda *_: held_before)
        assert not late.take(), "... locks what nobody else will look at"
    assert late.take()
    assert path.exists()
    late.give_back()


def test_a_lock_whose_file_was_removed_is_none(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    first, second = Lease(path), Lease(path)
    assert not first.renew()
    assert first.take()
    os.utime(path, (0, 0))
    assert first.renew()
    assert path.stat().st_mtime > 0, "who cleans up old files leaves it"
    path.unlink()
    assert not first.renew()
    assert second.take()
    first.give_back()
    assert second.renew(), "nobody removes the other's"
    second.give_back()


def _is_free_while_a_copy_lives(path: Path) -> bool:
    """Fork while the lock is held, give it up as a killed process does, and see whether it is free."""
    ours, theirs = os.pipe()
    begun, begins = os.pipe()
    lease, other = Lease(path), Lease(path)
    assert lease.take()
    pid = os.fork()
    if pid == 0:
        os.close(theirs)
        os.write(begins, b"!")
        os.read(ours, 1)
        os._exit(0)
    os.close(ours)
    os.read(begun, 1)
    os.close(begun)
    os.close(begins)
    try:
        lease.discard()  # closes the descriptor, as the kernel does, and removes nothing
        free = other.take()
        other.give_back()
        return free
    finally:
        os.close(theirs)
        os.waitpid(pid, 0)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_copy_does_not_keep_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _is_free_while_a_copy_lives(tmp_path / "one")
    discard: Callable[[Lease], None] = Lease.discard
    parent = os.getpid()
    monkeypatch.setattr(Lease, "discard", lambda lease: discard(lease) if os.getpid() == parent else None)
    assert not _is_free_while_a_copy_lives(tmp_path / "two"), "so it would be without closing it in the copy"


def test_where_a_group_meets(tmp_path: Path) -> None:
    place = MeetingPlace("shop.v2", tmp_path)
    assert (place.socket, place.lock) == (tmp_path / "shop.v2.group", tmp_path / "shop.v2.lock")


@pytest.mark.parametrize("name", ["", "../shop", "a/b", "x" * 65, ".hidden", 5, "shop\n"])
@pytest.mark.parametrize("option", ["group", "node"])
def test_names_that_are_none(option: str, name: object) -> None:
    with pytest.raises(ConfigurationError, match=f"{option} is .*; a name of up to 64 letters"):
        Options.of({"operators": ["gc"], option: name})
