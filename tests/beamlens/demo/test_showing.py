"""Events in words, views, results for machines, and the command's arguments."""

from __future__ import annotations

import io
import json
import queue
import sys
from typing import Any

import pytest

from beamlens import Insight, Notification, Snapshot, telemetry
from beamlens.demo import main
from beamlens.demo.command import summary
from beamlens.demo.faults import FAULTS
from beamlens.demo.happenings import SHOWN, describe
from beamlens.demo.judge import Verdict
from beamlens.demo.stage import Result
from beamlens.demo.views import Lines, Screen, Silence, make_view
from beamlens.demo.wires import Peer, Sender

REPORT = {"requests": 90, "errors": 1, "ms_p50": 1.5, "ms_max": 120.0}


def _about(name: tuple[str, ...]) -> dict[str, Any]:
    """Return metadata of an event as the catalogue has it."""
    snapshot = Snapshot.of({"n": 1}, node="n") if hasattr(Snapshot, "of") else Snapshot(data={"n": 1})
    found = Notification(
        operator="vm", anomaly_type="x", severity="warning", context="c", observation="o", snapshots=(snapshot,),
        trace_id="t",
    )  # fmt: skip
    insight = Insight((found.id,), "causal", "s", ("o",), False, "low")
    known: dict[str, Any] = {
        "operator": "vm", "trace_id": "t", "reason": "why", "from": "healthy", "to": "warning", "code": "return 1",
        "notification": found, "insight": insight, "iteration": 3, "crashes": 1, "ending": "done",
        "notification_count": 2, "skills": ["vm", "sql"], "skill": "vm", "retry_count": 1, "will_retry": True,
        "mode": "on_demand", "running": True, "context": {}, "insight_count": 1, "snapshot_id": "s",
    }  # fmt: skip
    return known if name[1] == "operator" else {key: value for key, value in known.items() if key != "operator"}


@pytest.mark.parametrize("name", SHOWN, ids=".".join)
def test_every_shown_event_exists_and_has_words(name: tuple[str, ...]) -> None:
    assert name in telemetry.event_names()
    said = describe(name, _about(name))
    assert said["who"] == ("vm" if name[1] == "operator" else "coordinator")
    assert said["event"] == name[2]
    assert said["text"]
    json.dumps(said)


def test_lines_are_printed_without_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    view = Lines()
    view.tell("vm", "a \x1b[31mred\x07 word\nin two lines")
    view.load(REPORT)
    view.load(REPORT)
    view.tree("a tree")
    view.close()
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "\x07" not in printed
    assert printed.count("\n") == 2
    assert "90 answers/s, 1 errors, median 1.5 ms" in printed


def test_the_screen_draws_tree_customers_and_events(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    view = Screen()
    view.tree("shop\n  vm 1 restart")
    view.load(REPORT)
    view.tell("demo", "it \x1b[2Jbegins")
    view.load({"requests": 0, "errors": 0, "ms_p50": None, "ms_max": None})
    view.close()
    drawn = out.getvalue()
    assert "vm 1 restart" in drawn
    assert "\x1b[2J" not in drawn
    assert "no answers" in drawn
    assert drawn.endswith("\x1b[?25h")


def test_the_view_fits_the_output() -> None:
    assert isinstance(make_view(plain=False, quiet=False), Lines)  # no terminal here
    assert isinstance(make_view(plain=True, quiet=True), Silence)


def _result(**changes: Any) -> Result:
    given: dict[str, Any] = {
        "fault": FAULTS[0], "verdict": Verdict(True, "cache_growth", "why"), "seconds": 20.04, "found_after": 14.0,
        "crashes_survived": 1, "killed": 1,
    }  # fmt: skip
    return Result(**{**given, **changes})


def test_a_result_for_machines() -> None:
    data = _result().to_dict()
    wanted = {"fault": "cache", "found": True, "cause": "cache_growth", "seconds": 20.0, "crashes_survived": 1}
    assert data == {**data, **wanted}
    assert _result(fault=None).to_dict()["fault"] == "none"


@pytest.mark.parametrize(
    "changes",
    [{"verdict": Verdict(False, None, "")}, {"false_alarms": ("x",)}, {"crashes_survived": 0}],
    ids=["not found", "false alarm", "a death not survived"],
)
def test_only_all_of_it_is_good(changes: dict[str, Any]) -> None:
    assert _result().good
    assert not _result(**changes).good
    assert summary([_result(), _result(**changes)], 1.0)["good"] is False


def test_the_summary_counts() -> None:
    told = summary([_result(fault=None), _result(), _result()], 50.04)
    assert told == {
        "faults": 2, "found": 2, "false_alarms": 0, "killed": 3, "crashes_survived": 3, "seconds": 50.0, "good": True,
    }  # fmt: skip


@pytest.mark.parametrize("arguments", [["nothing"], ["--seconds", "1"], ["--seconds", "x"], ["--unknown"]])
def test_arguments_that_make_no_sense_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: beamlens demo" in capsys.readouterr().err


# -- lines of JSON between programs ----------------------------------------------------------------


def _heard(inbox: queue.SimpleQueue[Any]) -> Any:
    return inbox.get(timeout=20)


def test_a_peer_is_told_and_heard_and_its_end_is_noticed() -> None:
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    peer = Peer("tests.beamlens.demo.echo", [], inbox, "echo")
    peer.tell({"n": 1})
    assert _heard(inbox) == ("echo", {"you said": {"n": 1}})
    peer.tell("nonsense")
    assert _heard(inbox) == ("echo", {"kind": "said", "text": "this is no JSON"})
    assert peer.close() == 0
    assert _heard(inbox) == ("echo", None)
    peer.tell("nobody hears this")


def test_a_peer_that_dies_early_is_noticed() -> None:
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    peer = Peer("tests.beamlens.demo.echo", [], inbox, "echo")
    peer.tell("die")
    assert _heard(inbox) == ("echo", None)
    assert peer.close() == 7


def test_a_sender_outlives_its_reader() -> None:
    stream = io.StringIO()
    sender = Sender(stream)
    sender.send({"n": 1})
    sender.close()
    assert stream.getvalue() == '{"n": 1}\n'
    stream.close()
    gone = Sender(stream)
    gone.send({"n": 2})
    gone.close()
