"""The classes of attacks that a sandbox for code of a model must withstand, as programs.

The numbers are those of the catalogue that the project keeps: 1 to 54, and 51 in part. Of the rest, 55 to 57
(guards, rate limits, help and MCP) and parts of 22, 23, 28, 29 and 51 are about agents and stores, not about
the sandbox; they belong to the Legion system, and are here as far as they reach the bridge.

A program is `denied` (an error, of one of the kinds), or `harmless` (it may end well, with that value).
Each may try to touch the file `WITNESS`, whose path is put in.
"""

# ruff: noqa: E501 - a table: one class a line

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

__all__ = ["ATTACKS", "WITNESS", "Attack"]

WITNESS: Final = "@WITNESS@"
"""Stands in a program for the path of a file that must not come to be."""

_ANY: Final = object()


@dataclass(frozen=True, slots=True)
class Attack:
    """Hold one program.

    Args:
        number: of its class.
        code: Lua.
        kinds: of errors that are right; empty where it must end well.
        value: what it must give where it ends well.
    """

    number: int
    code: str
    kinds: tuple[str, ...] = ("runtime",)
    value: Any = _ANY

    @property
    def any_value(self) -> bool:
        """Tell whether any value is right."""
        return self.value is _ANY


def _denied(number: int, *codes: str, kinds: tuple[str, ...] = ("runtime",)) -> list[Attack]:
    return [Attack(number, code, kinds) for code in codes]


def _harmless(number: int, code: str, value: Any = _ANY) -> list[Attack]:
    return [Attack(number, code, (), value)]


_SPENT: Final = ("instructions", "memory", "deadline", "runtime", "too_large")
_HANG: Final = "local function f() while true do end end "

ATTACKS: Final[list[Attack]] = [
    # A. Direct forbidden calls
    *_denied(1, "os.execute('touch @WITNESS@')", "io.popen('touch @WITNESS@')", "return os.execute{}"),
    *_denied(2, "io.open('@WITNESS@', 'w'):write('x')", "io.lines('/etc/passwd')", "io.output('@WITNESS@')"),
    *_denied(2, "os.remove('@WITNESS@')", "os.rename('/etc/hostname', '@WITNESS@')", "os.tmpname()", "io.tmpfile()"),
    *_denied(3, "return os.getenv('PATH')", "os.setenv('SANDBOX_WITNESS', '1')"),
    *_denied(4, "os.exit(0)", "os.exit(true, true)"),
    *_denied(5, "print('x')", "io.write('x')", "io.read()", "io.stderr:write('x')", "warn('@on')"),
    *_denied(6, "return node.self()", "return io.open('/proc/self/status'):read('a')", "return os.getpid()"),
    *_denied(7, "socket.connect('127.0.0.1', 80)", "require('socket').tcp()"),
    # B. Dynamic code and modules
    *_denied(8, "load('x = 1')()", "loadstring('x = 1')()", "loadfile('/etc/passwd')", "dofile('/etc/passwd')"),
    *_denied(9, "require('os')", "package.loadlib('libc.so.6', 'system')", "package.preload.x = 1"),
    *_denied(9, "return package.searchers[1]", "return package.loaded.os"),
    *_denied(10, "module('os')", "package.loaded.string = nil", "python.eval('1')"),
    *_denied(11, "return string.dump(function() end)", "return load(string.dump(function() end), 'x', 'b')()"),
    *_denied(11, "return (('').dump)(function() end)"),
    *_denied(12, "return debug.getinfo(1)", "debug.sethook()", "return debug.getregistry()", "setmetatable({}, {})"),
    *_denied(12, "return getmetatable('').__index", "return debug.getupvalue(print, 1)", "return python.builtins"),
    *_denied(12, "return getfenv(0)", "return probe.__globals__", "return probe.__class__.__mro__", "return #probe"),
    *_harmless(12, "local n = {} for k in pairs(_ENV) do n[#n + 1] = type(k) end return #n < 40", True),
    *_harmless(12, "return _ENV.os.execute, _G.io, _G._G._G.debug, _ENV.load", [None, None, None, None]),
    # C. Indirect dispatch
    *_denied(13, "local f = os.execute f('touch @WITNESS@')", "local t = {os.execute} t[1]('touch @WITNESS@')"),
    *_denied(13, "local t = {f = io.open} t.f('@WITNESS@', 'w')", "(function() return os.exit end)()(0)"),
    *_denied(14, "_G['o' .. 's']['exe' .. 'cute']('touch @WITNESS@')", "_ENV[('oi'):reverse()].open('@WITNESS@')"),
    *_denied(14, "local n = 'lo' .. 'ad' _G[n]('x = 1')()", "rawget(_G, 'io').open('@WITNESS@')"),
    *_denied(15, "os.execute'touch @WITNESS@'", "io.open[[@WITNESS@]]", "('touch @WITNESS@'):execute()", "os:exit()"),
    *_denied(16, "pcall(os.execute, 'touch @WITNESS@') error('x')", "assert(pcall(nil))", "assert(select(2, pcall(error)))"),
    *_harmless(16, "return (pcall(os.execute, 'touch @WITNESS@'))", False),
    *_denied(17, "table.sort({2, 1}, os.execute) error('sorted')", "('x'):gsub('x', io and io.open)"),
    *_denied(17, "coroutine.wrap(function() os.exit() end)()", "xpcall(error, os.exit)", "for l in io.lines() do end"),
    *_denied(17, "for _ in nil do end", "table.sort({3, 2, 1}, function() error('in it') end)", "('x'):gsub('x', os.execute())"),
    *_denied(18, "\u043es.execute('touch @WITNESS@')", "\uff4f\uff53.execute('x')", kinds=("syntax",)),
    *_denied(18, "_G['\\111\\115']['\\x65xecute']('touch @WITNESS@')", "_G['\\u{6F}s'].exit()"),
    # D. Tool-bridge confusion
    *_denied(19, "return string.upper('x')", "os.execute('x')", "string.rep('x', 2)"),
    *_harmless(19, "return ('x'):upper(), string.own()", ["X", "own"]),
    *_denied(20, "return tool.other.fn()", "return tool.fn.x", "return tool['../os'].execute()"),
    *_denied(21, "return tool._private()", "return tool.__init__()", "tool.description()", "return probe.__call__()"),
    *_denied(22, "local t = {__module = 'os'} t.execute('x')", "local t = {__module = 'tool'} return t.fn()"),
    *_denied(23, "return stashed.fn()", "return revoked()"),
    *_harmless(24, "tool = nil probe = nil string = nil _G = nil pairs = nil next = nil type = nil return 'gone'", "gone"),
    *_harmless(24, "rawset(_G, 'error', 1) rawset(_ENV, 'pcall', 2) table.concat = nil return {1, 'x'}", [1, "x"]),
    *_denied(25, "local a = probe(function() end)", "local t = {} t[1] = t local a = probe(t)", "local a = probe(('x'):rep(99999))"),
    *_denied(25, "local t = {} for i = 1, 100 do t = {t} end local a = probe(t)", "local a = probe({[{}] = 1})"),
    *_harmless(25, "return probe({1, nil, 3}), probe(0/0), probe(1/0), probe()", ["dict", "str", "str", "none"]),
    *_harmless(26, "local r, e = raises() return e", "ValueError: no"),
    *_harmless(26, "local r, e = exits() return e", "SystemExit: 3"),
    *_harmless(26, "local r, e = interrupts() return e", "KeyboardInterrupt"),
    *_harmless(26, "local r, e = hangs() return e", "TimeoutError: hangs took longer than 0.2 seconds"),
    *_harmless(27, "local r, e = gives_module() return r, (e:find('ResultError')) ~= nil", [None, True]),
    *_harmless(27, "local r, e = gives_file() return r, (e:find('ResultError')) ~= nil", [None, True]),
    *_harmless(27, "return record()", {"name": "n"}),
    *_denied(28, "return sub_agent('not listed')", "return tool.ask({}, {})"),
    *_harmless(28, "return probe('; os.execute(1)'), probe({['__class__'] = 'Evil'})", ["str", "dict"]),
    *_denied(29, "return tool.config.key", "return context.agent_id"),
    *_harmless(29, "return agent_id, credentials, self", [None, None, None]),
    # E. Object forgery and protocol gadgets
    *_harmless(30, "return probe({__struct__ = 'File.Stream', path = '@WITNESS@'})", "dict"),
    *_harmless(30, "return {__class__ = 'os', __reduce__ = {'os.system', 'touch @WITNESS@'}}"),
    *_harmless(31, "local k for key in pairs({__class__ = 1}) do k = key end return k", "__class__"),
    *_denied(32, "setmetatable({}, {__gc = function() end})", "setmetatable({}, {__index = os})"),
    *_denied(32, "local x <close> = {} return 1", "return #nil", "return {} .. ''", "return {} < {}", "return -{}"),
    *_denied(33, "return ('x'):rep(1e9)", "return ('x'):rep(1 << 40)", "return (''):rep(1e9, 'xx')"),
    *_denied(33, "return getmetatable('')", "return ('x').y.z", "return ('x').__index.dump"),
    *_denied(34, "for i = 1, 50000 do _G['name' .. i] = i end return name5", kinds=("too_large",)),
    *_denied(35, "error(setmetatable({}, {}))", "error(probe)", "error({__class__ = 'SystemExit'})", "error(nil)", "error()"),
    *_denied(36, "os.date('%Q')", "os.date('*t', 1 << 60)", "os.date('%Ez')", "os.time({year = 1 << 40, month = 1, day = 1})"),
    *_harmless(36, "return os.date(('%c'):rep(1000)):len() > 0", True),
    *_denied(37, "os.setlocale('C')", "collectgarbage('stop')", "debug.setcstacklimit(1)"),
    *_harmless(37, "math.randomseed(1) return math.random() ~= nil", True),
    # F. Concurrency primitives
    *_denied(38, "coroutine.create(function() end)", "spawn(function() end)", "coroutine.wrap(print)()", "fork()"),
    *_harmless(38, "return '\\9\\0\\0\\0d\\x93', 'd', {ok = true}", ["\t\0\0\0d\ufffd", "d", {"ok": True}]),
    # G. Resource exhaustion
    *_denied(39, "while true do end", "::a:: goto a", "for i = 1, 1e15 do end", "repeat until false", kinds=_SPENT),
    *_denied(40, "local x = 0 for i = 1, 1e9 do x = x + i end return x", kinds=("instructions",)),
    *_denied(41, "local t = {} while true do t[#t + 1] = {} end", "local t = {} while true do t = {t} end", kinds=_SPENT),
    *_denied(41, "local t = {} while true do t[#t + 1] = function() return t end end", kinds=_SPENT),
    *_denied(42, "local s = 'x' while true do s = s .. s end", "local t = {} for i = 1, 1e6 do t[i] = ('x'):rep(1e6) .. i end", kinds=_SPENT),
    *_denied(42, "while true do local s = ('x'):rep(1e6) .. 'y' end", kinds=_SPENT),
    *_denied(43, "string.format('%1000000d', 1)", "table.unpack({}, 1, 1e8)", "string.rep('x', 1e6, ('y'):rep(1e6))", kinds=_SPENT),
    *_denied(43, "table.concat({}, 'x', 1, 1e9)", "table.move({1}, 1, math.maxinteger - 1, 2)", "string.pack('!16xXi16', 1):rep(1e9)", kinds=_SPENT),
    *_denied(43, "local t = {} for i = 1, 3e5 do t[i] = 'xxxxxxxxxxxxxxxx' end while true do table.concat(t) end", kinds=_SPENT),
    *_denied(44, "local function f() return 1 + f() end return f()", "local function f() pcall(f) return 1 + f() end f()", kinds=_SPENT),
    *_denied(44, "local function f(s) return s:gsub('.', f) end f('x')", "string.find(('a'):rep(300000), ('(a?)'):rep(40))", kinds=_SPENT),
    *_denied(44, "return ('x'):find(('('):rep(100000))", "('x'):find('%f')", "('x'):find('[')"),
    *_denied(45, "return ('x'):rep(1e6):find('.-.-.-.-b')", "return ('a'):rep(30):find(('a?'):rep(30) .. ('a'):rep(31) .. 'b')", kinds=("deadline",)),
    *_denied(46, "return " + "{" * 30_000 + "}" * 30_000, "return " + "(" * 30_000 + "1" + ")" * 30_000, kinds=("syntax",)),
    *_denied(46, "goto --c", "a.b" * 300, "return - - -", "return '\\u{7fffffff'", "\x1bLua", kinds=("syntax", "runtime")),
    *_denied(46, "--" + "x" * 70_000, kinds=("too_large",)),
    *_denied(46, "return " + "1 .. " * 12_000 + "1", kinds=("syntax", "runtime")),
    *_denied(47, "while true do pcall(error) end", _HANG + "while true do pcall(f) end", kinds=_SPENT),
    *_denied(47, _HANG + "for i = 1, 1e9 do pcall(pcall, f) end", "while pcall(error) do end while true do pcall(string.rep) end", kinds=_SPENT),
    *_denied(47, "local function f() while true do pcall(f) end end f()", kinds=_SPENT),
    *_denied(48, "collectgarbage('stop') while true do end", "setmetatable({}, {__gc = function() while true do end end})"),
    *_denied(49, "for i = 1, 300 do _G['k' .. i] = ('x'):rep(2000) end", kinds=("too_large",)),
    *_denied(50, "return ('x'):rep(1000000)", "local t = {} for i = 1, 300000 do t[i] = i end return t", kinds=("too_large",)),
    *_denied(50, "error(('x'):rep(1000000))", "error('\\0\\27[31m```\\r\\n</fence>\\xff')"),
    *_harmless(50, "return '\\0\\27[31m```\\xff'", "\0\x1b[31m```\ufffd"),
    *_denied(51, "while true do probe(1) end", "for i = 1, 1e9 do pcall(probe, i) end", kinds=("callback_flood",)),
    *_denied(51, "local function f() probe() f() end f()", kinds=("callback_flood",)),
    *_denied(52, "while true do pcall(string.rep, 'x', 1) end", kinds=_SPENT),
    # H. Persistence
    *_harmless(53, "f = function() end u = probe t = {f = f, x = 1} return 'kept'", "kept"),
    *_harmless(54, "c = {} c.c = c probe = {1} tool = 5 good = 1 return 'kept'", "kept"),
]  # fmt: skip
