"""The directory of control sockets is this user's alone, or not used."""

from __future__ import annotations

import os
import socket
from contextlib import closing
from pathlib import Path

import pytest

from beamlens.control.directory import (
    ControlDirectoryError,
    control_directory,
    listen,
    prepare,
    remove_stale,
    sockets,
)


@pytest.fixture
def private(tmp_path: Path) -> Path:
    prepare(tmp_path / "c")
    return tmp_path / "c"


def test_it_is_made_for_its_user_alone(private: Path) -> None:
    assert private.stat().st_mode & 0o777 == 0o700
    prepare(private)  # again


def test_its_mode_does_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        prepare(tmp_path / "c")
    finally:
        os.umask(before)
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o777, 0o755, 0o710, 0o1777])
def test_one_that_others_can_enter_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c").chmod(mode)
    with pytest.raises(ControlDirectoryError, match="entered by others"):
        prepare(tmp_path / "c")


def test_a_link_is_refused_even_to_a_private_directory(private: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(private)
    with pytest.raises(ControlDirectoryError, match="no directory"):
        prepare(tmp_path / "link")


def test_a_link_into_nowhere_and_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    for name in ("link", "file"):
        with pytest.raises(ControlDirectoryError):
            prepare(tmp_path / name)


def test_another_users_is_refused(private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(ControlDirectoryError, match="belongs to user"):
        prepare(private)


def test_a_runtime_directory_that_others_can_enter_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    assert control_directory() == tmp_path / "run" / "beamlens"
    (tmp_path / "run").chmod(0o777)
    assert control_directory().name == f"beamlens-{os.geteuid()}"


def test_a_socket_is_its_users_alone_and_appears_when_it_listens(private: Path) -> None:
    listening, path = listen(private, "1.a")
    with closing(listening):
        assert path.stat().st_mode & 0o777 == 0o600
        assert sockets(private) == [path]
        assert [each.name for each in private.iterdir()] == ["1.a.sock"]


def test_a_path_that_is_too_long_is_refused_in_words(private: Path) -> None:
    with pytest.raises(ControlDirectoryError, match="too long for a socket"):
        listen(private, "x" * 120)


def test_sockets_of_programs_that_are_gone_are_removed_and_no_others(private: Path) -> None:
    gone, gone_path = listen(private, "1.gone")
    gone.close()
    alive, alive_path = listen(private, "2.alive")
    (private / "3.file.sock").touch()
    with closing(alive):
        remove_stale(private)
        assert not gone_path.exists()
        assert alive_path.exists()
        assert (private / "3.file.sock").exists()


def test_a_socket_whose_queue_is_full_is_not_taken_for_one_that_is_gone(private: Path) -> None:
    path = private / "1.full.sock"
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(path))
        listening.listen(0)
        clients = [socket.socket(socket.AF_UNIX) for _ in range(4)]
        try:
            for client in clients:
                client.setblocking(False)
                client.connect_ex(str(path))
            remove_stale(private)
            assert path.exists()
        finally:
            for client in clients:
                client.close()


def test_what_a_program_left_between_binding_and_listening_is_removed(private: Path) -> None:
    for name in ("999999999.a.new", f"{os.getpid()}.a.new"):
        with closing(socket.socket(socket.AF_UNIX)) as bound:
            bound.bind(str(private / name))
    remove_stale(private)
    assert [each.name for each in private.iterdir()] == [f"{os.getpid()}.a.new"]
