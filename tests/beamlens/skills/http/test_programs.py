"""Real applications under real load, each in its own process: what is sick is named, what is healthy is not."""

from __future__ import annotations

import json

import pytest

from beamlens.skills.http import Http
from supervision.testing import wait_until
from tests.beamlens.skills.http.load import load
from tests.beamlens.skills.watched import Watched, watched

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

_PROGRAM = "tests.beamlens.skills.http.program"
_FILE = "tests/beamlens/skills/http/program.py"


@pytest.mark.parametrize("server", ["asgi", "wsgi"])
def test_requests_that_wait_for_one_another_are_named_by_the_lock_they_wait_for(server: str) -> None:
    with watched(Http, _PROGRAM, server) as program, load(program.call("port"), *["/checkout"] * 8):
        observation, *_, route, place, function = program.found("requests_queue_up")
        assert route == "GET /checkout"
        assert place.startswith(f"{_FILE}:")
        assert function == ("checkout" if server == "asgi" else "plain_wsgi")
        assert "waiting for lock (LOCK)" in observation
        rows = program.call("http_in_flight", 20)
        assert {row["func"] for row in rows} <= {function, "ask_the_bank"}
        assert all(row["thread"] for row in rows)


def test_requests_that_never_end_are_named_by_where_they_wait() -> None:
    with watched(Http, _PROGRAM, "asgi") as program, load(program.call("port"), *["/partner"] * 4):
        observation, *_, route, place, function = program.found("requests_stuck")
        assert route == "GET /partner"
        assert function == "partner_answers"
        assert place.startswith(f"{_FILE}:")
        assert "event" in observation
        [group] = program.call("http_waits")
        assert group["requests"] == 4


@pytest.mark.parametrize("server", ["asgi", "wsgi"])
def test_failing_requests_are_named_by_exception_and_line(server: str) -> None:
    with watched(Http, _PROGRAM, server) as program, load(program.call("port"), "/failing", pause=0.01):
        _, context, *_, route, place, exception = program.found("requests_fail")
        assert (route, exception) == ("GET /failing", "KeyError")
        assert place.startswith(f"{_FILE}:")
        assert program.call("http_errors")[0]["func"] == "price_of"
        assert "KeyError" in context


def test_quick_slow_streamed_and_wrong_requests_are_no_findings() -> None:
    paths = ["/orders/4711", "/page", "/page", "/report", "/stream", "/no/such/page/12345"]
    with watched(Http, _PROGRAM, "asgi") as program, load(program.call("port"), *paths, pause=0.005):
        assert program.alarms(13) == []
        rows = {row["name"]: row for row in program.call("http_routes", 50)}
        assert rows["GET /orders/{number}"]["count"] > 10
        assert rows["GET /no/such/page/*"]["client_errors"] > 5
        assert rows["GET /report"]["p50_ms"] >= 1000
        # Pages are answering for a moment too; between two streams there is none.
        wait_until(lambda: "GET /stream" in _responding(program))
        assert program.look()["responding"] <= len(paths)
        assert min(program.look()["cost_ms"] for _ in range(10)) < 5


def test_no_secret_of_a_path_or_query_leaves(request: pytest.FixtureRequest) -> None:
    secrets = ["/reset/tok3n-abcdef", "/orders/4111-1111?key=s3cr3t", "/mail/ann@example.org", "/x/" + "q" * 40]
    with watched(Http, _PROGRAM, "asgi") as program, load(program.call("port"), *secrets, pause=0.01):
        wait_until(lambda: program.look()["requests"] > 30)
        said = json.dumps([_everything(program), program.look()])
        for secret in ("tok3n", "4111", "s3cr3t", "ann@", "qqqq"):
            assert secret not in said


def _responding(program: Watched) -> list[str]:
    return [row["route"] for row in program.call("http_in_flight", 50) if row["responding"]]


def _everything(program: Watched) -> list[object]:
    return [program.call(name) for name in ("http_in_flight", "http_routes", "http_errors", "http_waits")]
