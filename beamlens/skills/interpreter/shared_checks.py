"""What more than one skill says of locks and event loops: the same statements about numbers under other names."""

from __future__ import annotations

from beamlens.skills.checks import Check, Threshold

__all__ = ["lock_checks", "loop_checks"]


def lock_checks(worst: str, drill: str) -> tuple[Check, ...]:
    """Return the checks of the lock that is waited for most.

    Args:
        worst: where the snapshot has it.
        drill: Lua that returns its row.
    """
    return (
        Check(
            name="lock_held_over_io",
            when=Threshold(f"{worst}.contended_part", ">=", 0.3),
            also=(
                Threshold(f"{worst}.waiting_max", ">=", 2),
                Threshold(f"{worst}.longest_wait_ms", ">=", 200.0),
                Threshold(f"{worst}.holder_waits_part", ">=", 0.5),
            ),
            drill=drill,
            confirm=Threshold("holder_waits_part", ">=", 0.5),
            severity="critical",
            observation=(
                "{drill.waiting_mean} threads on average ({drill.waiting_max} at most) wait for the lock {drill.lock} "
                "at {drill.waits_at}, up to {drill.longest_wait_ms} ms, while its holder stands at {drill.holder_at} "
                "in {drill.holder_function}, waiting in {drill.holder_doing}"
            ),
            context="Seen in {drill.contended_part} of {drill.looks} looks; holder's thread: {drill.holder_thread}",
            hypothesis="{drill.holder_function} does I/O, or sleeps, while it holds the lock",
            cause="lock_over_io",
            entities=("{drill.holder_at}", "{drill.lock}", "{drill.holder_function}"),
            remedy="Do the waiting call at {drill.holder_at} before the lock is taken, or after it is let go of.",
        ),
        Check(
            name="lock_contention",
            when=Threshold(f"{worst}.contended_part", ">=", 0.5),
            also=(
                Threshold(f"{worst}.waiting_max", ">=", 2),
                Threshold(f"{worst}.longest_wait_ms", ">=", 500.0),
                Threshold(f"{worst}.holder_waits_part", "<", 0.5),
            ),
            drill=drill,
            confirm=Threshold("longest_wait_ms", ">=", 500.0),
            severity="warning",
            observation=(
                "{drill.waiting_mean} threads on average ({drill.waiting_max} at most) wait for the lock {drill.lock} "
                "at {drill.waits_at}, up to {drill.longest_wait_ms} ms; its holder works at {drill.holder_at} in "
                "{drill.holder_function}"
            ),
            context="Seen in {drill.contended_part} of {drill.looks} looks; holder's thread: {drill.holder_thread}",
            cause="lock_contention",
            entities=("{drill.holder_at}", "{drill.lock}"),
            remedy="Hold the lock for less, or split what it protects.",
        ),
    )


def loop_checks(thread: str, usual: Threshold, *stuck: Threshold) -> tuple[Check, ...]:
    """Return the checks of event loops that stand still again and again, or do so now.

    Args:
        thread: names a loop's thread in a text.
        usual: what tells that the loop gets on between its blocks, so that they are its own fault.
        stuck: what must hold beside a long block for its line to be known.
    """
    return (
        Check(
            name="loop_blocked",
            when=Threshold("loops.*.usual_place.ms", ">=", 500),
            also=(
                Threshold("loops.*.blocks_last_minute", ">=", 3),
                Threshold("loops.*.usual_place.part", ">=", 0.5),
                usual,
            ),
            severity="critical",
            observation=(
                f"The event loop in thread {thread} was blocked {{loops.*.blocks_last_minute}} times within a minute, "
                "for {loops.*.longest_block.ms} ms at the longest; {loops.*.usual_place.part} of that time at "
                "{loops.*.usual_place.at} in {loops.*.usual_place.func}, which calls {loops.*.usual_place.doing}"
            ),
            context="Lag: median {loops.*.lag_ms_p50} ms, 95th percentile {loops.*.lag_ms_p95} ms ({loops.*.kind})",
            hypothesis="{loops.*.usual_place.func} does something synchronous on the event loop's thread",
            cause="loop_blocked",
            entities=("{loops.*.usual_place.at}", "{loops.*.usual_place.func}"),
            remedy=(
                "Use the asynchronous form of the call at {loops.*.usual_place.at}, or await asyncio.to_thread(...)."
            ),
        ),
        Check(
            name="loop_stuck",
            when=Threshold("loops.*.blocked_ms", ">=", 2000),
            also=stuck,
            severity="critical",
            observation=(
                f"The event loop in thread {thread} has been blocked for {{value}} ms, at {{loops.*.blocked_now.at}} "
                "in {loops.*.blocked_now.func}, which calls {loops.*.blocked_now.doing}"
            ),
            context="{loops.*.kind}; blocked {loops.*.blocks} times so far",
            cause="loop_blocked",
            entities=("{loops.*.blocked_now.at}", "{loops.*.blocked_now.func}"),
            remedy="Move the call at {loops.*.blocked_now.at} off the event loop's thread.",
        ),
    )
