"""The page: self-contained, without scripts, and with every text from outside as text."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from beamlens.domain import Notification, Snapshot
from beamlens.report.markup import Markup, joined, tag
from beamlens.report.metrics import moved
from beamlens.report.page import page
from beamlens.report.story import Story
from beamlens.report.text import harmless
from tests.beamlens.report.test_stories import story

ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "div", "span", "i", "table", "tr", "td", "th",
    "code", "pre", "details", "summary", "svg", "line", "text", "rect", "polygon", "path", "circle", "polyline",
}  # fmt: skip
VOID = {"meta"}

PAYLOADS = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"><svg onload=alert(1)>", "'><b>x</b>",
    "</title><script>alert(1)</script>", "</style><script>alert(1)</script>", "<!--", "-->", "<![CDATA[", "]]>",
    "javascript:alert(1)", "<a href=javascript:alert(1)>x</a>", "<iframe src=//x>", "<object data=x>", "<embed src=x>",
    "<base href=//x>", "<meta http-equiv=refresh content=0;url=//x>", "<link rel=stylesheet href=//x>",
    "<form action=//x><input>", "<math><mi//xlink:href='data:x,<script>'>", "<details open ontoggle=alert(1)>",
    "&lt;script&gt;", "&#60;script&#62;", "&", "&amp;", "<", ">", "\"", "'", "`", "\x00<script>", "\x1b[31mred",
    "\u202egnp.exe", "\u2028line", "{{7*7}}", "${7*7}", "<%= 7 %>", "![x](http://x/?q=secret)", "\ufeff<x>",
    "<plaintext>", "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
]  # fmt: skip


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


def parsed(told: Story) -> _Page:
    found = _Page()
    found.feed(page(told))
    found.close()
    assert found.open == []
    return found


def with_payload(told: Story, text: str) -> Story:
    """Put the text wherever something from outside can stand."""
    main, operator = told.runs
    data: dict[str, Any] = {text: 1, "n": 1}
    snapshots = tuple(Snapshot({**data, "n": n, text: n * 3}, skill=text, id=text) for n in range(3))
    finding = Notification(
        operator=text, anomaly_type=text, severity="warning", context=text, observation=text, snapshots=snapshots,
        trace_id=operator.run_id, hypothesis=text, entities=(text,), cause=text, remedy=text,
    )  # fmt: skip
    insight = replace(
        main.insights[0],
        summary=text,
        root_cause_hypothesis=text,
        notification_ids=(finding.id,),
        matched_observations=(text,),
    )
    steps = tuple(
        replace(
            step, result=text, said=text, call=step.call and replace(step.call, arguments={text: text, "code": text})
        )
        for step in operator.steps
    )
    main = replace(
        main, reason={text: text}, insights=(insight,), notifications=(finding,), why=text, answer=text, damage=text
    )
    operator = replace(
        operator, owner=f"operator:{text}", steps=steps, snapshots=snapshots, notifications=(finding,), why=text
    )
    return Story((main, operator), (text,))


def test_there_are_more_than_forty_payloads() -> None:
    assert len(set(PAYLOADS)) > 40


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_comes_from_outside_stays_text(payload: str) -> None:
    found = parsed(with_payload(story(), payload))
    assert found.tags <= ALLOWED
    assert not [name for name, _ in found.attributes if name.startswith("on") or name in ("href", "src", "action")]
    text = "".join(found.text)
    assert harmless(payload) in text
    assert all(each.isprintable() or each in "\n\t" for each in text)


def test_without_escaping_they_would_not() -> None:
    raw = Markup(PAYLOADS[0])  # as if it were markup of ours
    assert "<script>" in tag("p", raw)
    assert "<script>" not in tag("p", PAYLOADS[0])


def test_the_page_loads_nothing_and_forbids_it() -> None:
    told = page(story())
    assert "default-src 'none'" in told
    assert "<script" not in told
    assert not re.findall(r"(?:src|href)=|url\(|@import|https?://", told)


def test_states_tools_crashes_numbers_and_lua_are_on_it() -> None:
    found = parsed(story(kill=True))
    text = "".join(found.text)
    classes = [value for name, value in found.attributes if name == "class"]
    for expected in ("healthy", "warning", "tool", "lua", "failed", "crash", "found", "curve"):
        assert expected in classes, expected
    for expected in ("memory_mb", "137 → 174", "return nope()", "Its process died", "queue.depth"):
        assert expected in text, expected
    assert [each.path for each in moved(story().runs[1].snapshots)] == ["queue.depth", "memory_mb"]  # not `steady`


def test_attributes_are_escaped() -> None:
    assert tag("p", "x", title='"><b>') == '<p title="&quot;&gt;&lt;b&gt;">x</p>'
    assert joined("<", Markup("<b></b>"), ["&", "x"]) == "&lt;<b></b>&amp;x"
