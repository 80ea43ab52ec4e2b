"""Erlang/OTP: a gen_server under a supervisor, alone or holding an operating-system process by a port."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.peers.harness import wanted

_SOURCE: Final = r"""
-module(crash_peer).
-behaviour(gen_server).
-export([main/2, start_link/1, init/1, handle_call/3, handle_cast/2, handle_info/2, killer/0]).

main(Kind, Kills) ->
    logger:set_primary_config(level, none),
    Sup = spawn(fun() -> {ok, _} = supervisor:start_link(?MODULE, {tree, Kind}), receive stop -> ok end end),
    Killer = killer(),
    Samples = kill_often(Kind, Killer, await_other(none), Kills, []),
    io:format("[~s]~n", [lists:join(", ", [io_lib:format("~.9f", [S]) || S <- Samples])]),
    exit(Sup, kill),
    halt().

killer() -> open_port({spawn_executable, "/bin/sh"}, [stream, binary]).

kill_often(_, _, _, 0, Samples) -> lists:reverse(Samples);
kill_often(Kind, Killer, Victim, Kills, Samples) ->
    timer:sleep(20),
    Begun = erlang:monotonic_time(nanosecond),
    case Kind of
        process -> exit(Victim, kill);
        port -> port_command(Killer, ["kill -9 ", integer_to_list(Victim), "\n"])
    end,
    Next = await_other(Victim),
    Taken = (erlang:monotonic_time(nanosecond) - Begun) / 1.0e9,
    kill_often(Kind, Killer, Next, Kills - 1, [Taken | Samples]).

await_other(Victim) ->
    case catch gen_server:call(service, who, 5000) of
        {who, Victim} -> await_other(Victim);
        {who, Other} -> Other;
        _ -> erlang:yield(), await_other(Victim)
    end.

start_link(Kind) -> gen_server:start_link({local, service}, ?MODULE, Kind, []).

init({tree, Kind}) ->
    Flags = #{strategy => one_for_one, intensity => 100000, period => 1},
    {ok, {Flags, [#{id => service, start => {?MODULE, start_link, [Kind]}}]}};
init(process) -> {ok, process};
init(port) -> {ok, open_port({spawn_executable, "/bin/cat"}, [stream, binary, exit_status])}.

handle_call(who, _, process) -> {reply, {who, self()}, process};
handle_call(who, _, Port) ->
    port_command(Port, "x"),
    receive
        {Port, {data, <<"x">>}} ->
            {os_pid, Pid} = erlang:port_info(Port, os_pid),
            {reply, {who, Pid}, Port};
        {Port, {exit_status, _}} -> {stop, gone, Port}
    end.

handle_cast(_, State) -> {noreply, State}.
handle_info({Port, {exit_status, _}}, Port) -> {stop, gone, Port};
handle_info(_, State) -> {noreply, State}.
"""


def main() -> None:
    """Compile the module in a folder of its own and run it."""
    kills, seconds = wanted()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "crash_peer.erl").write_text(_SOURCE)
        program = f"{{ok, _}} = c:c(crash_peer), crash_peer:main({sys.argv[3]}, {kills})."
        done = subprocess.run(
            ["erl", "-noshell", "-eval", program],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds + 25,
        )
    samples = [line for line in done.stdout.splitlines() if line.startswith("[")]
    if not samples:
        sys.exit(done.stderr.strip() or done.stdout.strip() or "erl said nothing")
    print(samples[-1], flush=True)


if __name__ == "__main__":
    main()
