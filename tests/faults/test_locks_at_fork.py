"""Locks that are held while a child is made: no child is a copy of a process that has threads."""

from __future__ import annotations

from tests.faults.helpers import Program

_CHILDREN = 24


def test_children_start_while_four_threads_log_and_print_without_a_pause() -> None:
    source = """
configure(spares=0)
running, lines = [True], [0] * 4
handler = logging.StreamHandler(open(os.devnull, "w"))
logging.getLogger("app").addHandler(handler)
logging.getLogger("app").propagate = False
def write(n):
    while running[0]:
        logging.getLogger("app").warning("line %s", n)
        print("line", n, file=handler.stream, flush=True)
        lines[n] += 1
threads = [threading.Thread(target=write, args=(n,), daemon=True) for n in range(4)]
for thread in threads: thread.start()
wait_until(lambda: min(lines) > 100)
told = []
for n in range(int(sys.argv[1])):
    ref = Subject.start()
    ref.ask(("log", "app", "from a child"), timeout=20)
    ref.ask(("print_to_stderr", ""), timeout=20)
    told.append(ref.ask(("echo", n), timeout=20))
    ref.stop()
before = list(lines)
wait_until(lambda: all(now > then for now, then in zip(lines, before)))
running[0] = False
for thread in threads: thread.join()
say(told)
"""
    with Program(source, _CHILDREN) as program:
        assert program.hear() == list(range(_CHILDREN))
        assert program.end() == 0
        assert program.errors() == ""


_HELD = """
class Locked(logging.Handler):
    '''Have a lock besides those that `logging` makes new in a forked copy: so does a handler with a queue.'''
    def __init__(self):
        super().__init__()
        self.own, self.held, self.released, self.texts = threading.Lock(), threading.Event(), threading.Event(), []
    def emit(self, record):
        with self.own:
            self.texts.append(record.getMessage())
            if record.getMessage() == "hold":
                self.held.set()
                self.released.wait(30)

handler = Locked()
logging.getLogger("app").addHandler(handler)
thread = threading.Thread(target=logging.getLogger("app").warning, args=("hold",), daemon=True)

def in_a_copy():
    '''Log in a forked copy; tell whether it came to its end.'''
    pid = os.fork()
    if pid == 0:
        logging.getLogger("app").warning("from a copy")
        os._exit(0)
    try:
        wait_until(lambda: os.waitpid(pid, os.WNOHANG)[0], timeout=1.0)
        return True
    except TimeoutError:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return False
"""


def test_a_child_that_is_made_while_a_thread_holds_a_handlers_lock_can_log() -> None:
    source = """
thread.start()
handler.held.wait()
ref = Subject.start()
ref.ask(("log", "app", "from a child"), timeout=20)
say(ref.ask(("echo", 1), timeout=20))
os.kill(ref.pid, signal.SIGKILL)
wait_until(lambda: not ref.is_alive())
handler.released.set()
wait_until(lambda: "from a child" in handler.texts)
say(handler.texts)
"""
    with Program(_HELD + source) as program:
        assert program.hear() == 1
        assert program.hear() == ["hold", "from a child"]
        assert program.end() == 0


def test_a_forked_copy_of_the_program_hangs_at_its_first_record_then_and_only_then() -> None:
    """Negative control: what forking the application itself would mean."""
    source = """
say(in_a_copy())
thread.start()
handler.held.wait()
say(in_a_copy())
handler.released.set()
thread.join()
say(in_a_copy())
"""
    with Program(_HELD + source) as program:
        assert [program.hear() for _ in range(3)] == [True, False, True]
