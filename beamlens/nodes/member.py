"""The part of a tree that makes its process a member of a group: the elected one, or one that has joined it."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pykka

from beamlens import telemetry
from beamlens.control.directory import ControlDirectoryError, prepare
from beamlens.control.finding import find_lens
from beamlens.control.peer import is_own_user
from beamlens.errors import BeamlensError
from beamlens.lens import Lens
from beamlens.nodes import events
from beamlens.nodes.hub import Hub
from beamlens.nodes.lease import Lease, MeetingPlace
from beamlens.nodes.link import Link, LinkLost
from beamlens.nodes.messages import Ask, Hello, Refused, Told, Trouble, Welcome
from beamlens.nodes.questions import ESCALATION
from beamlens.nodes.seat import Question, Seat
from beamlens.nodes.wires import Wires
from beamlens.parts import Parts
from beamlens.probe.messages import Call, Failed
from supervision import ChildSpec, ReplyFuture, RequestError, StartError, SupervisionError
from supervision.errors import MessageError

__all__ = ["Member"]

logger = logging.getLogger("beamlens.nodes")

_PAUSE: Final = 0.05  # seconds between two tries for a place
_REST: Final = 1.0  # the same, after something went wrong
_TURNED_AWAY: Final = 5.0  # the same, after the elected one refused
_GREETING: Final = 3.0  # seconds that the elected one has to answer a newcomer
_END: Final = 3.0
_RENEWAL: Final = 30.0  # seconds between two looks at whether the group's files are there; cleaners want hours
_AT_ONCE: Final = 16  # questions of other processes


class Member(pykka.ThreadingActor):
    """Take the group's lock and start the parts that only one process has, or join who has it.

    Args:
        tree: names the registry of this process' tree.
        seat: is told where this process stands.
        questions: what the others may ask, by name.
        parts: children of the tree that the elected process has.
        version: of this package.
        directory: where the group meets; None for the directory of control sockets.
    """

    def __init__(
        self,
        tree: str,
        seat: Seat,
        questions: Mapping[str, Question],
        parts: Sequence[ChildSpec],
        version: str,
        directory: Path | None = None,
    ) -> None:
        super().__init__()
        self._tree = tree
        self._seat = seat
        self._questions = questions
        self._parts = tuple(parts)
        self._version = version
        self._place = MeetingPlace(seat.group, directory)
        self._lease = Lease(self._place.lock)
        self._known = Parts(tree)
        self._stopping = threading.Event()
        self._answering = threading.BoundedSemaphore(_AT_ONCE)
        self._wires: Wires | None = None
        self._said = ""
        self._thread = threading.Thread(target=self._run, name="beamlens-member", daemon=True)

    def on_start(self) -> None:
        """Begin to look for a place."""
        self._thread.start()

    def on_receive(self, message: Any) -> Any:
        """Take no messages: the others come through sockets."""
        return None

    def on_stop(self) -> None:
        """Give the place up."""
        self._end()
        self._seat.end()

    def on_failure(self, *_: Any) -> None:
        """Give the place up; the next member looks for one anew."""
        self._end()

    def _end(self) -> None:
        self._stopping.set()
        wires = self._wires
        if wires is not None:
            wires.stop()
        self._thread.join(_END)

    # -- looking for a place --------------------------------------------------------------------

    def _run(self) -> None:
        pause = 0.0
        while not self._stopping.wait(pause):
            try:
                pause = self._seek()
            except (OSError, BeamlensError, SupervisionError, ControlDirectoryError) as error:
                self._say(f"no place in the group {self._seat.group!r}: {error}")
                pause = _REST
            except Exception:
                # Whatever it was: without this thread the process would never have a place again.
                logger.exception("looking for a place in the group %r failed", self._seat.group)
                pause = _REST

    def _seek(self) -> float:
        """Have a place until it is lost; return the seconds to wait before the next try."""
        prepare(self._place.folder)
        if self._lease.take():
            try:
                self._lead()
            finally:
                self._lease.give_back()
            return _PAUSE
        connection = self._connected()
        return _PAUSE if connection is None else self._follow(connection)

    def _say(self, text: str) -> None:
        if text != self._said:  # it is tried again and again, and once is enough
            logger.warning("%s", text)
            self._said = text

    def _lens(self) -> Lens | None:
        while (lens := find_lens(self._tree)) is None and not self._stopping.wait(0.01):
            continue  # the tree is just starting
        return lens

    # -- elected --------------------------------------------------------------------------------

    def _lead(self) -> None:
        lens = self._lens()
        if lens is None:
            return
        hub = Hub(self._place.socket, self._seat.own, self._version, self._asked)
        try:
            hub.start()
            self._start_parts(lens)
            self._seat.lead(hub)
            events.told("elected", self._seat.own.name, self._seat.own.pid)
            self._stay(lens, hub)
        finally:
            self._seat.leave()
            hub.close()

    def _stay(self, lens: Lens, hub: Hub) -> None:
        """Remain elected until this part stops, or somebody removes the files that keep others from being it, too."""
        while not self._stopping.wait(_RENEWAL):
            if not (self._lease.renew() and hub.renew()):
                self._say(f"{self._place.lock} or {self._place.socket} was removed; the group elects anew")
                self._seat.leave()
                self._end_parts(lens)
                return

    def _start_parts(self, lens: Lens) -> None:
        try:
            for spec in self._parts:
                if self._stopping.is_set():
                    return
                if spec.id not in lens:
                    lens.start_child(spec)
        except (StartError, RequestError):
            if not self._stopping.is_set():
                self._end_parts(lens)
            raise

    def _end_parts(self, lens: Lens) -> None:
        """Stop what only the elected process has: this one is it no more."""
        for spec in reversed(self._parts):
            if spec.id in lens:
                try:
                    lens.terminate_child(spec.id)
                    lens.delete_child(spec.id)
                except RequestError as error:
                    logger.warning("%s of the group could not be stopped: %s", spec.id, error)

    def _asked(self, link: Link, ask: Ask) -> None:
        """Answer a question of another process, on a thread of its own: it may take as long as a run."""
        question = self._questions.get(ask.op)
        if question is None:
            self._tell(link, ask.number, Trouble("BeamlensError", f"there is no question {ask.op!r:.80}"))
        elif self._seat.place != "elected":
            self._tell(link, ask.number, Trouble("unavailable", "the elected process is just starting or ending"))
        elif not self._answering.acquire(blocking=False):
            self._tell(link, ask.number, Trouble("unavailable", f"{_AT_ONCE} questions are being answered already"))
        else:
            threading.Thread(target=self._answer, args=(link, ask, question), daemon=True, name="beamlens-ask").start()

    def _answer(self, link: Link, ask: Ask, question: Question) -> None:
        try:
            self._tell(link, ask.number, question(ask.value, None))
        finally:
            self._answering.release()

    # -- joined ---------------------------------------------------------------------------------

    def _connected(self) -> socket.socket | None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(_GREETING)
        try:
            connection.connect(str(self._place.socket))
            if is_own_user(connection):
                return connection
            self._say(f"{self._place.socket} is another user's")
        except (FileNotFoundError, ConnectionRefusedError, BlockingIOError, TimeoutError):
            pass  # who has the lock is just starting or ending; it is tried again
        except OSError as error:
            self._say(f"{self._place.socket} cannot be reached: {error}")
        connection.close()
        return None

    def _follow(self, connection: socket.socket) -> float:
        lens = self._lens()
        if lens is None:
            connection.close()
            return 0.0
        self._end_parts(lens)
        link = Link(connection)
        guest = _Guest(self, link, time.monotonic() + _GREETING)
        wires = self._wires = Wires(guest.heard, self._lost)
        wires.add(link)
        own = self._seat.own
        handler = f"beamlens-member-{self._tree}"
        telemetry.attach(handler, ESCALATION, guest.escalated, None)
        try:
            with contextlib.suppress(LinkLost):  # the reading thread sees that, too
                link.send(Hello(self._version, own.name, own.pid))
            if self._stopping.is_set():
                wires.stop()
            wires.run(guest.patience)
        finally:
            telemetry.detach(handler)
            self._wires = None
            self._seat.leave()
        return guest.pause

    def _lost(self, _: Link) -> None:
        if self._seat.place == "joined" and not self._stopping.is_set():
            events.told("lost", self._seat.own.name, self._seat.own.pid)
        self._seat.leave()

    @property
    def node_name(self) -> str:
        """This process' name among the nodes."""
        return self._seat.own.name

    def welcomed(self, link: Link, name: str) -> None:
        """Hear that this process was taken in. The reading thread."""
        self._seat.join(link, name)
        self._said = ""

    def refused(self, reason: str) -> None:
        """Hear that this process was not taken in. The reading thread."""
        self._say(f"the elected process of the group {self._seat.group!r} refused this one: {reason}")

    def look(self, link: Link, ask: Ask) -> None:
        """Have the own probe perform a call of the elected process. The reading thread; does not wait."""
        probe = self._known.find("probe", 0.0)
        if not isinstance(ask.value, Call) or ask.op != "call":
            self._tell(link, ask.number, Failed("refused", f"a node is not asked for {ask.op!r:.80}"))
        elif probe is None:
            self._tell(link, ask.number, Failed("gone", "the probe of this process is just starting or ending"))
        else:
            try:
                answer = probe.ask(ask.value, block=False)
            except SupervisionError as error:
                self._tell(link, ask.number, Failed("busy", str(error)))
            else:
                answer.add_done_callback(lambda done: self._tell(link, ask.number, _found(done)))

    def _tell(self, link: Link, number: int, value: Any) -> None:
        try:
            link.send(Told(number, value))
        except MessageError as error:
            self._tell(link, number, Trouble("BeamlensError", f"the answer cannot be sent: {error}"))
        except LinkLost:
            return  # nobody waits any more


class _Guest:
    """Be the end of a link in a process that joins another. The reading thread, but `escalated`.

    Args:
        member: the part of the tree.
        link: to the elected process.
        deadline: monotonic seconds until which that must have answered.
    """

    def __init__(self, member: Member, link: Link, deadline: float) -> None:
        self._member = member
        self._link = link
        self._deadline: float | None = deadline
        self.pause = 0.0

    def heard(self, link: Link, message: Any) -> None:
        """Take a message."""
        if isinstance(message, Welcome):
            self._deadline = None
            self._member.welcomed(link, message.name)
        elif isinstance(message, Refused):
            self.pause = _TURNED_AWAY
            self._member.refused(message.reason)
        elif isinstance(message, Ask):
            self._member.look(link, message)

    def patience(self) -> float | None:
        """Return how long to wait for the next message at most; end the link where no welcome came in time."""
        if self._deadline is None:
            return None
        left = self._deadline - time.monotonic()
        if left <= 0:
            self._link.close()
        return max(0.0, left)

    def escalated(self, _: Any, __: Any, metadata: Any, ___: object) -> None:
        """Tell the elected process what this one's statistics say. The thread that tells the event."""
        name = self._member.node_name
        rows = [row for row in metadata.get("anomalies") or [] if isinstance(row, Mapping)]
        named = [{**row, "node": name, "key": f"{row.get('key')} on node {name}"} for row in rows]
        if self._deadline is None:
            self._link.ask("escalated", named, _GREETING)


def _found(done: ReplyFuture) -> Any:
    try:
        return done.get(timeout=0)
    except Exception as error:
        return Failed("gone", f"the probe of this process is gone: {error}")
