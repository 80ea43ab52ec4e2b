"""`os.fork()` in the application, as pre-fork servers do: the copy owns nothing, and disturbs nothing."""

from __future__ import annotations

import pytest

from supervision.testing import wait_until
from tests.faults.helpers import Program, alive

_FORK = """
def in_copy(function):
    '''Run it in a forked copy and return what it said.'''
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        try:
            os.write(write, json.dumps(function()).encode())
        except BaseException as error:
            os.write(write, json.dumps(repr(error)).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        text = file.read()
    os.waitpid(pid, 0)
    return json.loads(text) if text else None

"""

_CALLS = """
tree = Supervisor.start([ChildSpec(id="a", start=(Subject, (), {}))])
solo = Subject.start()
a = tree["a"]
proxy = solo.proxy()
a.ask(("echo", 1))
calls = {
    "ask": lambda: a.ask(("echo", 1)),
    "ask with a timeout": lambda: a.ask(("echo", 1), timeout=3),
    "ask without blocking": lambda: a.ask(("echo", 1), block=False).get(timeout=3),
    "ask one": lambda: solo.ask(("echo", 1)),
    "tell": lambda: a.tell(("echo", 1)),
    "tell one": lambda: solo.tell(("echo", 1)),
    "stop": lambda: solo.stop(),
    "proxy": lambda: proxy.do_pid().get(timeout=3),
    "new proxy": lambda: solo.proxy().do_pid().get(timeout=3),
    "which_children": lambda: tree.which_children(),
    "count_children": lambda: tree.count_children(),
    "start_child": lambda: tree.start_child(ChildSpec(id="b", start=(Subject, (), {}))),
    "terminate_child": lambda: tree.terminate_child("a"),
    "stop the tree": lambda: tree.stop(),
    "kill the tree": lambda: tree.kill(),
    "wait for the tree": lambda: tree.wait(3),
}
"""


def test_every_call_in_the_copy_is_refused_at_once_and_none_hangs() -> None:
    source = """
say(in_copy(lambda: {name: outcome_of(call, 2.0) for name, call in calls.items()}))
say([a.ask(("pid",)) == a.pid, solo.ask(("pid",)) == solo.pid, tree.is_alive()])
say(tree.stop() and solo.stop())
"""
    with Program(_FORK + _CALLS + source) as program:
        outcomes = program.hear()
        assert outcomes == dict.fromkeys(outcomes, "ForkedCopyError")
        assert len(outcomes) == 16
        assert program.hear() == [True, True, True]
        assert program.hear() is True


def test_a_fork_while_other_threads_ask_leaves_a_copy_that_is_refused_and_an_original_that_is_right() -> None:
    """Whatever locks are held at the moment of the fork, and whatever is half read."""
    source = """
wrong, asked, running = [], [0], [True]
def ask_on(ref, n):
    while running[0]:
        if ref.ask(("echo", [n, asked[0]]), timeout=10)[0] != n: wrong.append(n)
        asked[0] += 1
threads = [threading.Thread(target=ask_on, args=(ref, n)) for n, ref in enumerate([a, solo, a])]
for thread in threads: thread.start()
said = []
for _ in range(20):
    before = asked[0]
    wait_until(lambda: asked[0] > before + 20)
    said.append(in_copy(lambda: [outcome_of(calls[name], 2.0) for name in ("ask", "tell", "ask one")]))
running[0] = False
for thread in threads: thread.join()
say(sorted({text for texts in said for text in texts}))
say(len(wrong))
say(a.ask(("echo", 7), timeout=5))
"""
    with Program(_FORK + _CALLS + source) as program:
        assert program.hear() == ["ForkedCopyError"]
        assert program.hear() == 0
        assert program.hear() == 7


def test_the_copy_holds_none_of_the_descriptors() -> None:
    source = """
def mine():
    found = set()
    for entry in os.scandir("/proc/self/fd"):
        try: found.add(os.readlink(entry.path))
        except OSError: pass
    return {target for target in found if not target.startswith("/proc/")}
before = mine()
tree = Supervisor.start([ChildSpec(id=n, start=(Subject, (), {})) for n in range(4)])
tree[0].ask(("echo", 1))
say(sorted(set(in_copy(lambda: [target for target in mine() if "pipe" not in target])) - before))
copies = in_copy(lambda: len([1 for target in mine() if "pipe" in target]))
say(copies - len([1 for target in before if "pipe" in target]))
"""
    with Program(_FORK + source) as program:
        assert program.hear() == []
        assert program.hear() == 1  # its own, to say so


def test_the_copy_may_start_actors_of_its_own() -> None:
    source = """
def work():
    ref = Subject.start()
    tree = Supervisor.start([ChildSpec(id="x", start=(Subject, (), {}))])
    answers = [ref.ask(("echo", 1)), tree["x"].ask(("echo", 2))]
    shutdown()
    return answers
say(in_copy(work))
say(a.ask(("echo", 3)))
say(len(application.application().actors()))
"""
    with Program(_FORK + _CALLS + source) as program:
        assert program.hear() == [1, 2]
        assert program.hear() == 3
        assert program.hear() == 3  # the tree, its child, and the one without


@pytest.mark.parametrize("ending", ["os._exit(0)", "sys.exit(0)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_the_end_of_the_copy_does_not_disturb_the_original(ending: str) -> None:
    source = f"""
pid = os.fork()
if pid == 0:
    {ending}
os.waitpid(pid, 0)
say(a.ask(("echo", 1)))
os.kill(solo.pid, signal.SIGKILL)
os.kill(a.pid, signal.SIGKILL)
first = a.pid
say(answering_pid(a) > 0)
wait_until(lambda: not solo.is_alive())
"""
    with Program(_CALLS + source) as program:
        assert program.hear() == 1
        assert program.hear() is True
        assert program.end() == 0
        assert "Traceback" not in program.errors()


_OUTLIVED = """
pid = os.fork()
if pid == 0:
    time.sleep(30)
    os._exit(0)
say([pid, a.pid, solo.pid])
hear()
"""


def test_a_copy_that_outlives_the_original_keeps_none_of_its_children_alive() -> None:
    """The copy must not hold the write end of the lifeline."""
    with Program(_CALLS + _OUTLIVED) as program:
        copy, *children = program.hear()
        program.kill()
        wait_until(lambda: not any(map(alive, children)), timeout=1.0)
        assert alive(copy)


def test_without_the_hook_at_fork_the_copy_keeps_them_alive() -> None:
    source = "application.Application.discard = lambda self: None\n"
    with Program(_CALLS + source + _OUTLIVED) as program:
        _, *children = program.hear()
        program.kill()
        assert all(map(alive, children))
