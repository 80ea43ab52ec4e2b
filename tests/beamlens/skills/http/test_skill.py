"""The wrapper and the numbers within this process."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamlens.errors import ConfigurationError
from beamlens.skills.http import Http, wrap
from beamlens.skills.web import traffic as traffic_module
from beamlens.skills.web.routes import asgi_route, plain_path, wsgi_route
from beamlens.skills.web.traffic import Traffic, traffic
from beamlens.skills.web.wrapping import AsgiWrapper, WsgiWrapper
from beamlens.skills.work_done import work_done
from beamlens.testing import SkillHarness


class Answers:
    """An ASGI application that waits until it is let go on."""

    state = "kept"

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.go_on.wait()
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})


def wsgi(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("500 Oh", [])
    return (each for each in (b"a", b"b"))


def _scope(path: str = "/orders/7") -> dict[str, Any]:
    return {"type": "http", "method": "GET", "path": path}


async def _send(_message: Any) -> None:
    pass


def _run(app: Any, scope: dict[str, Any]) -> None:
    asyncio.run(app(scope, None, _send))


def test_the_contract_while_requests_are_in_flight() -> None:
    async def main() -> None:
        app = Answers()
        wrapped = wrap(app)
        with SkillHarness(Http) as skill:
            tasks = [asyncio.create_task(wrapped(_scope(), None, _send)) for _ in range(50)]
            await asyncio.sleep(0.05)
            assert skill.snapshot()["in_flight"] == 50
            [group] = skill.call("http_waits")
            assert (group["requests"], group["waits_for"], group["func"]) == (50, "event", "Answers.__call__")
            assert len(skill.call("http_in_flight", 7)) == 7
            skill.assert_good()
            app.go_on.set()
            await asyncio.gather(*tasks)
            assert skill.snapshot()["requests"] == 50
            assert skill.snapshot()["in_flight"] == 0
            assert skill.call("http_routes")[0]["name"] == "GET /orders/*"

    asyncio.run(main())


def test_without_a_skill_requests_are_passed_on_and_nothing_is_kept() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope, receive, send))

    seen: list[Any] = []
    scope = _scope()
    _run(wrap(app), scope)
    assert seen == [(scope, None, _send)]
    assert traffic.totals["requests"] == 0
    with SkillHarness(Http):
        _run(wrap(app), scope)
        assert traffic.totals["abandoned"] == 1
    assert traffic.totals["requests"] == 0
    assert not traffic.routes


def test_answered_requests_are_work_by_which_others_judge_growth_as_long_as_they_are_counted() -> None:
    assert work_done.total() is None
    with SkillHarness(Http):
        before = work_done.total()
        _run(wrap(_Answering()), _scope())
        assert (before, work_done.total()) == (0, 1)
    assert work_done.total() is None


class _Answering(Answers):
    def __init__(self) -> None:
        super().__init__()
        self.go_on.set()


def test_a_request_that_was_answered_is_not_kept_alive() -> None:
    class Scope(dict[str, Any]):
        pass

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204})

    with SkillHarness(Http):
        scope = Scope(_scope())
        kept = weakref.ref(scope)
        _run(wrap(app), scope)
        del scope
        gc.collect()
        assert kept() is None


def test_lifespans_are_passed_on_and_websockets_are_counted_while_they_are_open() -> None:
    kinds = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        kinds.append((scope["type"], len(traffic.open)))

    with SkillHarness(Http) as skill:
        _run(wrap(app), {"type": "lifespan"})
        _run(wrap(app), {"type": "websocket", "path": "/ws"})
        assert kinds == [("lifespan", 0), ("websocket", 1)]
        assert skill.snapshot()["requests"] == 0
        assert skill.snapshot()["websockets"] == 0


def test_what_is_raised_reaches_the_server_and_is_counted() -> None:
    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        raise RuntimeError("with a s3cr3t in it")

    with SkillHarness(Http) as skill:
        with pytest.raises(RuntimeError, match="s3cr3t"):
            _run(wrap(app), _scope())
        assert skill.snapshot()["errors_5xx"] == 1
        [row] = skill.call("http_errors")
        assert row["exception"] == "RuntimeError"
        assert "s3cr3t" not in str(row)


def test_a_wsgi_body_in_parts_is_in_flight_until_it_is_over() -> None:
    with SkillHarness(Http) as skill:
        body = wrap(wsgi)({"REQUEST_METHOD": "GET", "PATH_INFO": "/a"}, lambda *_: None)
        assert len(traffic.open) == 1
        assert list(body) == [b"a", b"b"]
        body.close()
        assert len(traffic.open) == 0
        assert skill.snapshot()["errors_5xx"] == 1
        listed = [b"whole"]
        assert wrap(lambda environ, start: listed, "wsgi")({}, lambda *_: None) is listed
        assert skill.snapshot()["abandoned"] == 1


def test_what_kind_an_application_is_is_found_out_and_anything_else_refused() -> None:
    async def three(scope: Any, receive: Any, send: Any) -> None: ...

    class Wsgi:
        def __call__(self, environ: Any, start_response: Any) -> Any: ...

    assert isinstance(wrap(three), AsgiWrapper)
    assert isinstance(wrap(Wsgi()), WsgiWrapper)
    assert isinstance(wrap(Wsgi().__call__), WsgiWrapper)
    assert wrap(wrapped := wrap(three)) is wrapped

    async def main() -> Any:
        return wrap(Answers()).state

    assert asyncio.run(main()) == "kept"
    for wrong in (None, 5, lambda: None, Wsgi, lambda scope: None):
        with pytest.raises(ConfigurationError, match="no ASGI 3 application"):
            wrap(wrong)
    with pytest.raises(ConfigurationError):
        wrap(three, "asgi2")  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        wrap(three).nothing  # noqa: B018


# -- routes -------------------------------------------------------------------------------------------


def test_routes_are_templates() -> None:
    assert asgi_route({"path": "/a/1", "route": SimpleNamespace(path="/a/{id}"), "root_path": "/api"}) == "/api/a/{id}"
    assert asgi_route({"path": "/users/ann/orders", "path_params": {"name": "ann"}}) == "/users/{name}/orders"
    assert asgi_route({"path": "/files/a/b.txt", "path_params": {"path": "a/b.txt"}}) == "/files/{path}"
    assert asgi_route({}) == "/"
    rule = SimpleNamespace(url_rule=SimpleNamespace(rule="/o/<int:id>"))
    assert wsgi_route({"werkzeug.request": rule, "PATH_INFO": "/o/5"}) == "/o/<int:id>"
    assert wsgi_route({"PATH_INFO": "/api/v2/orders/5"}) == "/api/v2/orders/*"


@given(st.text())
def test_whatever_a_path_is_its_digits_and_long_words_do_not_leave(path: str) -> None:
    shown = plain_path(path)
    assert len(shown) <= 120
    assert all(len(segment) <= 32 for segment in shown.split("/"))
    kept = [segment for segment in shown.split("/") if any(sign.isdigit() for sign in segment)]
    assert all(segment.startswith("v") for segment in kept)


# -- numbers ------------------------------------------------------------------------------------------


class _Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    found = _Clock()
    monkeypatch.setattr(traffic_module, "time", found)
    return found


def _answered(counted: Traffic, clock: _Clock, seconds: float, route: str = "/r", status: int = 200) -> None:
    request = counted.begin("wsgi", "GET", lambda: route)
    clock.now += seconds
    request.respond(status)
    counted.end(request)


def test_a_route_is_compared_with_itself_earlier(clock: _Clock) -> None:
    counted = Traffic()
    counted.begin_watching()
    for _ in range(900):
        _answered(counted, clock, 0.1)
    [row] = counted.route_rows(5)
    assert row["baseline_ms"] == pytest.approx(100.0)
    assert row["slower_ratio"] == pytest.approx(1.0)
    for _ in range(60):
        _answered(counted, clock, 0.6)
    [row] = counted.route_rows(5)
    assert row["slower_ratio"] == pytest.approx(6.0)


def test_what_always_takes_long_is_not_stuck_and_what_takes_three_times_as_long_is(clock: _Clock) -> None:
    counted = Traffic()
    counted.begin_watching()
    for _ in range(5):
        _answered(counted, clock, 8.0)
    counted.begin("wsgi", "GET", lambda: "/r")
    for waited, stuck in ((20.0, 0), (5.0, 1)):
        clock.now += waited
        assert counted.route_rows(5)[0]["stuck"] == stuck


def test_there_is_a_bound_on_routes(clock: _Clock) -> None:
    counted = Traffic()
    counted.begin_watching()
    for number in range(500):
        _answered(counted, clock, 0.01, route=f"/r{number}")
    assert len(counted.routes) <= 201
    assert counted.routes["(other routes)"].count == 300
    assert counted.totals["requests"] == 500
