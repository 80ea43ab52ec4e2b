"""Arbitrary Python in the child, as after a complete escape from Lua: it still can do nothing but compute."""

from __future__ import annotations

import errno
import os
import platform
from pathlib import Path
from typing import Any

import pytest

from beamlens.sandbox import Sandbox, seccomp
from tests.beamlens.sandbox.payload_child import ALL, run_payload

pytestmark = pytest.mark.skipif(not seccomp.supported(), reason="this machine has no seccomp")

_TRY = """
found = {}
def attempt(name, function):
    try:
        function()
        found[name] = "done"
    except OSError as error:
        found[name] = error.errno
    except Exception as error:
        found[name] = type(error).__name__
def call(number, *arguments):
    ctypes.set_errno(0)
    if libc.syscall(number, *arguments) == -1:
        raise OSError(ctypes.get_errno(), "refused")
"""

# What it tries, and how. The numbers are those of x86_64, from <asm/unistd_64.h>.
_PYTHON = {
    "open": "os.open('/etc/passwd', os.O_RDONLY)",
    "write": "os.open('{witness}', os.O_CREAT | os.O_WRONLY)",
    "listdir": "os.listdir('/')",
    "stat": "os.stat('/')",
    "unlink": "os.unlink('{witness}')",
    "mkdir": "os.mkdir('{witness}')",
    "chdir": "os.chdir('/tmp')",
    "socket": "socket.socket()",
    "socketpair": "socket.socketpair()",
    "pipe": "os.pipe()",
    "dup": "os.dup(0)",
    "fork": "os.fork() or os._exit(0)",
    "execve": "os.execve('/bin/true', ['true'], {{}})",
    "popen": "subprocess.Popen(['/bin/true'])",
    "kill_parent": "os.kill(os.getppid() or 1, 0)",
    "kill_all": "os.kill(-1, 0)",
    "setuid": "os.setuid(0)",
    "read_other": "os.read(0, 1)",
    "write_other": "os.write(2, b'x')",
    "getppid": "call(110)",
}
_SYSCALLS = {
    "openat": "call(257, -100, b'/etc/passwd', 0)",
    "openat2": "call(437, -100, b'/etc/passwd', 0, 0)",
    "x32_open": "call(0x40000000 | 2, b'/etc/passwd', 0)",
    "ptrace": "call(101, 0, 0, 0, 0)",
    "process_vm_readv": "call(310, 1, 0, 0, 0, 0, 0)",
    "io_uring_setup": "call(425, 1, 0)",
    "userfaultfd": "call(323, 0)",
    "memfd_create": "call(319, b'x', 0)",
    "clone": "call(56, 17, 0, 0, 0, 0) or os._exit(0)",
    "clone3": "call(435, 0, 0)",
    "vfork": "call(58) or os._exit(0)",
    "prctl": "call(157, 4, 1, 0, 0, 0)",
    "bpf": "call(321, 0, 0, 0)",
    "pidfd_open": "call(434, 1, 0)",
    "mount": "call(165, b'a', b'b', b'c', 0, 0)",
    "unshare": "call(272, 0x10000000)",
    "keyctl": "call(250, 0, 0, 0, 0, 0)",
    "shmget": "call(29, 0, 4096, 0o1600)",
    "sendmsg": "call(46, 3, 0, 0)",
    "rt_sigaction": "call(13, 14, 0, 0, 8)",
    "setrlimit": "call(160, 7, 0)",
    "prlimit64": "call(302, 0, 7, 0, 0)",
    "mmap_exec": "mmap.mmap(-1, 4096, prot=7)",
    "mprotect_exec": "call(10, ctypes.addressof(page) & ~4095, 4096, 7)",
}


def _program(attempts: dict[str, str], witness: str) -> str:
    lines = [f"attempt({name!r}, lambda: {code.format(witness=witness)})" for name, code in attempts.items()]
    return "\n".join([_TRY, "page = ctypes.create_string_buffer(8192)", *lines])


def test_everything_but_computing_is_refused(tmp_path: Path) -> None:
    found = run_payload(_program(_PYTHON, str(tmp_path / "witness")))
    refused = {name: result for name, result in found.items() if result in (errno.EPERM, "PermissionError")}
    assert found.keys() == _PYTHON.keys()
    assert refused.keys() == found.keys(), found
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers are those of x86_64")
def test_system_calls_by_number_are_refused(tmp_path: Path) -> None:
    found = run_payload(_program(_SYSCALLS, ""))
    assert found.keys() == _SYSCALLS.keys()
    assert set(found.values()) == {errno.EPERM}, found


def test_without_seccomp_the_limits_still_refuse_the_most(tmp_path: Path) -> None:
    """The negative control of seccomp: some of it works now; and what the resource limits do alone."""
    attempts = {name: code for name, code in _PYTHON.items() if name != "execve"}  # which would replace the payload
    found = run_payload(_program(attempts, str(tmp_path / "witness")), ("descriptors", "user", "limits"))
    assert found["stat"] == "done"
    assert found["getppid"] == "done"
    assert found["open"] == found["socket"] == found["pipe"] == errno.EMFILE
    if os.geteuid() == 0:
        assert found["write"] in (errno.EACCES, errno.EMFILE)
        assert found["fork"] == errno.EAGAIN
        assert found["setuid"] == errno.EPERM
    assert os.listdir(tmp_path) == []


def test_with_no_defence_the_same_gets_through(tmp_path: Path) -> None:
    """The negative control of all of them: the payload is able to do what it tries."""
    names = ("open", "write", "listdir", "socket", "pipe", "fork", "stat")
    found = run_payload(_program({name: _PYTHON[name] for name in names}, str(tmp_path / "witness")), ("none",))
    assert found == dict.fromkeys(names, "done")
    assert os.listdir(tmp_path) == ["witness"]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the instruction is that of x86_64")
@pytest.mark.parametrize(("defences", "result"), [(ALL, "died"), (("descriptors",), "came back")])
def test_the_system_calls_of_another_architecture_kill(defences: tuple[str, ...], result: str) -> None:
    """`int 0x80` is the 32-bit table; its own number 20, getpid, is harmless where it is let through."""
    assert run_payload("thirty_two_bit()\nfound = 'came back'", defences) == result


HOGS = {
    "memory": "hog = []\nwhile True: hog.append(bytearray(1 << 20))",
    "processor": "while True: pass",
}


@pytest.mark.parametrize(("name", "result"), [("memory", "MemoryError"), ("processor", "died")])
def test_hogs_are_bounded(name: str, result: str) -> None:
    source = "found = 'done'\ntry:\n    " + HOGS[name].replace("\n", "\n    ")
    source += "\nexcept BaseException as error:\n    hog = None\n    found = type(error).__name__"
    assert run_payload(source) == result


def test_the_environment_and_the_arguments_say_nothing(sandbox: Sandbox) -> None:
    with sandbox.session() as session:
        session.start()
        folder = Path(f"/proc/{session.pid}")
        if os.geteuid() != 0:
            with pytest.raises(PermissionError):
                (folder / "environ").read_bytes()
            return
        assert (folder / "environ").read_bytes() == b""
        assert (folder / "cwd").readlink() == Path("/")
        status = dict(line.split(":\t", 1) for line in (folder / "status").read_text().splitlines() if ":\t" in line)
        assert (status["Seccomp"], status["NoNewPrivs"], status["Threads"]) == ("2", "1", "1")
        assert set(status["Uid"].split()) == {"65534"}
        assert int(status["CapEff"], 16) == 0
        targets = sorted(entry.readlink().name for entry in (folder / "fd").iterdir())
        assert [target.partition(":")[0] for target in targets] == ["null", "null", "null", "pipe", "socket"]


def test_all_the_defences_are_those_of_a_child() -> None:
    found: Any = run_payload("found = 1 + 1", ALL)
    assert found == 2
