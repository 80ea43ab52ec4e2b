"""Random scenarios of the categories that OTP's answers were recorded for."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Json = Any
REASONS = st.sampled_from(["normal", "shutdown", ["shutdown", "x"], "crash", "crash", "kill", "kill"])
STARTS = st.lists(
    st.sampled_from(["ok", "ok", "ok", "ok_info", "ignore", "error", "raise", "bad"]), max_size=6
).map(lambda later: ["ok", *later])
FIRST_STARTS = st.lists(st.sampled_from(["ok", "ok", "ok_info", "ignore", "error"]), max_size=3)
STUCK = {"trap": True, "on_shutdown": "ignore"}
WAYS = st.sampled_from(
    [{}, {}, STUCK]
    + [
        {"trap": True, "on_shutdown": way}
        for way in ("same", "normal", "crash", ["shutdown", "y"], ["slow", 15])
    ]
)
GROUPS = ["one_for_one", "one_for_all", "rest_for_one"]


@st.composite
def behaviours(draw: st.DrawFn, auto: str) -> Json:
    """Draw the fields of a child; one that never stops by itself gets a limit."""
    fields: dict[str, Json] = dict(draw(WAYS))
    limits: list[Json] = [None, 5000, "infinity", "brutal_kill"]
    shutdown = draw(st.sampled_from(limits if fields != STUCK else [40, 60, "brutal_kill"]))
    if shutdown is not None:
        fields["shutdown"] = shutdown
    restart = draw(st.sampled_from([None, "permanent", "transient", "temporary"]))
    if restart is not None:
        fields["restart"] = restart
    if draw(st.booleans()):
        fields["type"] = draw(st.sampled_from(["worker", "supervisor"]))
        if fields == {**STUCK, "type": "supervisor"}:
            fields["shutdown"] = 40
    if auto != "never" and restart in ("transient", "temporary") and draw(st.booleans()):
        fields["significant"] = True
    return fields


@st.composite
def flags(draw: st.DrawFn, intensities: list[int]) -> Json:
    """Draw flags with a period of an hour."""
    return {
        "strategy": draw(st.sampled_from(GROUPS)),
        "intensity": draw(st.sampled_from(intensities)),
        "period": 3600,
        "auto_shutdown": draw(st.sampled_from(["never", "never", "any_significant", "all_significant"])),
    }


@st.composite
def families(draw: st.DrawFn, names: str, chosen: Json, starts: st.SearchStrategy[Json]) -> list[Json]:
    """Draw children in any order."""
    ids = draw(st.permutations(names))[: draw(st.integers(1, len(names)))]
    children = []
    for name in ids:
        given = draw(starts)
        begin = {"starts": given} if given else {}
        children.append({"id": name, **draw(behaviours(chosen["auto_shutdown"])), **begin})
    return children


@st.composite
def scenarios(draw: st.DrawFn) -> Json:
    """Draw a scenario; each kind is about one of the recorded categories."""
    kind = draw(st.sampled_from(["basic", "startfail", "retry", "burst", "hold", "nested"]))
    chosen = draw(flags([1_000_000] if kind == "hold" else [0, 1, 2, 3, 8, 20]))
    starts: st.SearchStrategy[Json] = {
        "startfail": FIRST_STARTS,
        "retry": STARTS,
        "nested": st.one_of(st.just([]), STARTS),
    }.get(kind, st.just([]))
    children = draw(families("abcde", chosen, starts))
    names = [child["id"] for child in children]
    if kind == "hold":
        children[0] = {**children[0], "starts": ["ok", "hold"]}
        names += names[:1] * 3
    if kind == "nested":
        children, names = draw(nested(children, chosen))
    ops = draw(st.lists(operations(names, children, burst=kind == "burst"), max_size=10))
    if kind == "hold":
        ops = [["exit_child", names[0], "crash"], *ops]
    return {"name": kind, "cat": kind, "flags": chosen, "children": children, "ops": ops}


@st.composite
def nested(draw: st.DrawFn, children: list[Json], chosen: Json) -> Json:
    """Make supervisors of some children."""
    made: list[Json] = []
    names: list[str] = []
    for child in children:
        names.append(child["id"])
        if draw(st.booleans()):
            inner = draw(flags([0, 1, 2]))
            starts: st.SearchStrategy[Json] = st.one_of(st.just([]), STARTS)
            grandchildren = draw(families("xy", inner, starts))
            names += [f"{child['id']}/{grandchild['id']}" for grandchild in grandchildren]
            kept = {key: child[key] for key in ("id", "restart", "significant") if key in child}
            child = {**kept, "type": "supervisor", "sup": {"flags": inner, "children": grandchildren}}
        made.append(child)
    return made, names


@st.composite
def operations(draw: st.DrawFn, names: list[str], children: list[Json], burst: bool) -> Json:
    """Draw one operation."""
    sups = [child["id"] for child in children if "sup" in child]
    # A supervisor does not end by itself, and one that is killed is a matter of links.
    workers = [name for name in names if name not in sups] + ["zz"]
    choices = ["exit", "exit", "exit", "request", "request", "ask", "add", "release"]
    match draw(st.sampled_from(["burst"] * 6 + choices if burst else choices)):
        case "burst":
            return ["exit_many", draw(st.permutations(sorted(set(workers))))[:3], draw(REASONS)]
        case "exit":
            return ["exit_child", draw(st.sampled_from(workers)), draw(REASONS)]
        case "request":
            name = draw(
                st.sampled_from(["terminate_child", "restart_child", "delete_child", "get_childspec"])
            )
            return [name, draw(st.sampled_from([*names, "zz"]))]
        case "ask":
            name = draw(st.sampled_from(["which_children", "count_children"]))
            return [name, *draw(st.sampled_from([[], *([s] for s in sups)]))]
        case "release":
            return ["release", names[0]]
    path = draw(st.sampled_from([*names, "p"]))
    sup_path, _, name = path.rpartition("/")
    begin = draw(FIRST_STARTS)
    spec = {"id": name, **draw(behaviours(draw(st.sampled_from(["never", "any_significant"]))))}
    spec |= {"starts": begin} if begin else {}
    return ["start_child", spec, *([sup_path] if sup_path else [])]
