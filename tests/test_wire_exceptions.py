"""Exceptions come back as what they were, or as RemoteError, with the traceback of where they were raised."""

from __future__ import annotations

import builtins
import os
from typing import Any, NoReturn

import msgpack
import pykka
import pytest

from supervision import errors, exits
from supervision.errors import ActorDown, ProtocolError, RemoteError, SpecError
from supervision.process.wire import Codec, Limits, RemoteTraceback, decode, encode, encode_exception


class Custom(ValueError):
    pass


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise SystemExit("no text")

    __repr__ = __str__


class OddArgs(Exception):
    args = property(lambda self: 1 / 0)


def sent(error: BaseException) -> BaseException:
    back = decode(encode_exception(error))
    assert isinstance(back, BaseException)
    inside = decode(encode(["reply", {"error": error}]))
    assert type(inside[1]["error"]) is type(back)  # type: ignore[index]
    return back


def raised(error: BaseException) -> BaseException:
    def deep_inside() -> NoReturn:
        raise error

    try:
        deep_inside()
    except BaseException as caught:
        return caught


ERRORS: list[BaseException] = [
    ValueError("no"),
    KeyError(("a", 1)),
    KeyError(),
    IndexError("x", 2, None, b"b"),
    SystemExit(3),
    KeyboardInterrupt(),
    StopIteration({"a": 1}),
    RecursionError("deep"),
    AssertionError(),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
    UnicodeEncodeError("ascii", "é", 0, 1, "bad"),
    UnicodeTranslateError("é", 0, 1, "bad"),
    SyntaxError("bad", ("file", 1, 2, "text")),
    pykka.ActorDeadError("dead"),
    pykka.Timeout("late"),
    SpecError(("invalid_restart_type", "sometimes"), "text"),
    errors.RequestError("not_found"),
    errors.StartError("bad", "text"),
    errors.MessageError("message[0]", "a set"),
    errors.MailboxFull("full"),
    errors.AskCycle("a -> b -> a"),
    RemoteError("app.Error", "text", "Traceback ..."),
    ProtocolError("bytes"),
    ActorDown("gone", exits.shutdown(("x", 1))),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_known_exceptions_keep_type_and_arguments(error: BaseException) -> None:
    back = sent(raised(error))
    assert type(back) is type(error)
    assert back.args == error.args
    assert str(back) == str(error)
    assert isinstance(back.__cause__, RemoteTraceback)
    assert "deep_inside" in str(back.__cause__)
    assert {k: v for k, v in vars(back).items() if k != "__notes__"} == vars(error)


def test_every_builtin_exception_can_be_sent() -> None:
    for cls in vars(builtins).values():
        if isinstance(cls, type) and issubclass(cls, BaseException):
            error = cls("text", [ValueError(1)]) if issubclass(cls, BaseExceptionGroup) else _made(cls)
            assert type(sent(error)) is type(error)


def _made(cls: Any) -> BaseException:
    if cls is UnicodeDecodeError:
        return UnicodeDecodeError("a", b"b", 0, 1, "c")
    if cls is UnicodeEncodeError:
        return UnicodeEncodeError("a", "b", 0, 1, "c")
    if cls is UnicodeTranslateError:
        return UnicodeTranslateError("b", 0, 1, "c")
    made: BaseException = cls("text")
    return made


def test_an_exception_never_raised_has_no_cause() -> None:
    assert sent(ValueError("x")).__cause__ is None


def test_file_errors_keep_their_names() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        os.rename("/no/such/file", "/no/such/other")
    back = sent(caught.value)
    assert type(back) is FileNotFoundError
    assert (back.errno, back.filename, back.filename2) == (2, "/no/such/file", "/no/such/other")
    assert str(back) == str(caught.value)


def test_other_exceptions_arrive_as_remote_errors() -> None:
    back = sent(raised(Custom("what happened")))
    assert type(back) is RemoteError
    assert (back.type_name, back.message) == (f"{__name__}.Custom", "what happened")
    assert "deep_inside" in back.traceback_text
    assert "deep_inside" in str(back)


def test_notes_travel() -> None:
    error = ValueError("x")
    error.add_note("while counting")
    error.add_note("lone \ud800")
    assert sent(error).__notes__ == ["while counting", "lone \\ud800"]


def test_arguments_that_cannot_travel_arrive_as_text() -> None:
    thing = {1, 2}
    back = sent(ValueError("bad", thing, 3))
    assert type(back) is ValueError
    assert back.args == ("bad", "{1, 2}", 3)
    spec = sent(SpecError(("invalid_child_spec", object), "a sentence"))
    assert type(spec) is SpecError
    assert str(spec) == "a sentence"


def test_groups_travel_with_their_members() -> None:
    group = ExceptionGroup("two", [ValueError(1), ExceptionGroup("inner", [KeyError("k"), Custom("c")])])
    back = sent(raised(group))
    assert type(back) is ExceptionGroup
    assert back.message == "two"
    first, inner = back.exceptions
    assert type(first) is ValueError
    assert isinstance(inner, ExceptionGroup)
    assert [type(member) for member in inner.exceptions] == [KeyError, RemoteError]
    base = sent(BaseExceptionGroup("b", [SystemExit(1)]))
    assert type(base) is BaseExceptionGroup


def test_a_group_too_deep_or_too_wide_arrives_as_a_remote_error() -> None:
    group: Exception = ValueError(1)
    for _ in range(30):
        group = ExceptionGroup("g", [group])
    assert type(sent(group)) is ExceptionGroup
    assert type(sent(ExceptionGroup("wide", [ValueError(n) for n in range(1000)]))) is RemoteError


def test_describing_never_fails() -> None:
    loop = ValueError()
    loop.args = (loop, [loop, {"x": loop}])
    loop.__cause__ = loop
    down = ActorDown("x", exits.crash(None))
    down.args = ("x", exits.crash(down))
    for error in (Unspeakable(), raised(Unspeakable()), OddArgs(), loop, down, ValueError(Unspeakable())):
        assert isinstance(sent(error), BaseException)
    odd = ValueError("x")
    odd.__notes__ = [Unspeakable(), 5]  # type: ignore[list-item]
    assert len(sent(odd).__notes__) == 2
    odd.__notes__ = 5  # type: ignore[assignment]
    assert type(sent(odd)) is ValueError


@pytest.mark.parametrize("limits", [Limits(), Limits(depth=2), Limits(depth=4), Limits(frame_bytes=1_000)])
def test_exceptions_shrink_to_the_limits(limits: Limits) -> None:
    codec = Codec(limits)
    big = [
        ValueError("x" * 10**7),
        ValueError(*["y" * 1000] * 5000),
        KeyError([[[[[[[["deep"]]]]]]]]),
        Custom("z" * 10**6),
    ]
    for error in big:
        error.add_note("n" * 10**6)
        data = codec.encode_exception(raised(error))
        assert len(data) <= min(limits.frame_bytes, 400_000)
        assert isinstance(codec.decode(data), (ValueError, KeyError, RemoteError))


def test_no_class_is_looked_up_by_name() -> None:
    def description(module: str, name: str, args: object) -> bytes:
        payload = msgpack.packb([module, name, args, "text", "", [], None])
        return bytes(msgpack.packb(msgpack.ExtType(5, payload)))

    no_args = msgpack.ExtType(1, b"\x90")
    for module, name in [
        ("os", "system"),
        ("builtins", "eval"),
        ("builtins", "type"),
        (__name__, "Custom"),
        ("", ""),
    ]:
        back = decode(description(module, name, no_args))
        assert type(back) is RemoteError
    assert type(decode(description("builtins", "ValueError", no_args))) is ValueError
    stray = msgpack.ExtType(1, msgpack.packb(["utf-8", b"", -(2**62), 1 - 2**62, "x"]))
    assert type(decode(description("builtins", "UnicodeDecodeError", stray))) is RemoteError
    with pytest.raises(ProtocolError):
        decode(description("builtins", "ValueError", 5))
