"""A store in a relational database; what differs between databases is for its subclasses to say."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Final

from beamlens.legion.rules import Rule, Used, Violation, exceeded
from beamlens.legion.store.store import Checkpoint, Claim, Kept, Lost, Refused, Saved

__all__ = ["SqlStore"]

_KEPT: Final = 7 * 24 * 3600.0  # seconds for which what was used is kept at least: a longer window may come later
_PRUNED_EVERY: Final = 3600.0


class SqlStore:
    """Keep agents in a few tables. Any thread.

    What agents used is kept for a week, or for the longest window that a rule ever had, and then removed.

    Args:
        clock: seconds since the epoch, for tests.
    """

    blob: ClassVar[str] = "BLOB"
    mark: ClassVar[str] = "?"

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._longest = 0.0
        self._prune_at = 0.0

    # -- what a database says -------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Yield a cursor of a transaction that no other one writes beside; committed at the end."""
        raise NotImplementedError
        yield

    def identity_filter(self, column: str, identity: dict[str, str]) -> tuple[str, list[Any]]:
        """Return a condition, and its parameters, that holds where a JSON column contains an identity."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of the database."""
        raise NotImplementedError

    # -- tables ---------------------------------------------------------------------------------

    def create_tables(self) -> None:
        """Make the tables that are missing."""
        with self._lock, self.transaction() as cursor:
            for statement in _TABLES:
                cursor.execute(statement.replace("BLOB", self.blob))

    def _run(self, cursor: Any, statement: str, *parameters: Any) -> Any:
        cursor.execute(statement.replace("?", self.mark), parameters)
        return cursor

    # -- agents ---------------------------------------------------------------------------------

    def claim(self, claim: Claim) -> Refused | None:
        """Make an agent a program's, or say why not."""
        now = self._clock()
        with self._lock, self.transaction() as cursor:
            self._prune(cursor, claim.rules, now)
            row = self._run(
                cursor, "SELECT agent, owner, lease FROM legion_agents WHERE agent_id = ?", claim.agent_id
            ).fetchone()
            refused = _refusal(claim, row, now)
            if refused is None and row is None:
                refused = self._admit_new(cursor, claim, now)
            if refused is not None:
                return refused
            identity = json.dumps(_identity(claim.rules), sort_keys=True)
            if row is None:
                self._run(
                    cursor,
                    "INSERT INTO legion_agents (agent_id, agent, parent_id, status, started_at, identity, owner, lease)"
                    " VALUES (?, ?, ?, 'idle', ?, ?, ?, ?)",
                    *(claim.agent_id, claim.agent, claim.parent_id, now, identity, claim.owner, now + claim.seconds),
                )
                if claim.rules:
                    self._use(cursor, claim.agent_id, now, agents=1)
            else:
                self._run(
                    cursor,
                    "UPDATE legion_agents SET owner = ?, lease = ?, identity = ? WHERE agent_id = ?",
                    *(claim.owner, now + claim.seconds, identity, claim.agent_id),
                )
        return None

    def _admit_new(self, cursor: Any, claim: Claim, now: float) -> Refused | None:
        found = self._violations(cursor, claim.rules, "agent", now, claim.agent_id)
        return Refused("rate_limited", "; ".join(each.text for each in found), found) if found else None

    def renew(self, owner: str, seconds: float) -> None:
        """Let all claims of a program hold for so many seconds from now."""
        with self._lock, self.transaction() as cursor:
            self._run(cursor, "UPDATE legion_agents SET lease = ? WHERE owner = ?", self._clock() + seconds, owner)

    def release(self, agent_id: str, owner: str) -> None:
        """Give an agent up; what is kept of it stays."""
        with self._lock, self.transaction() as cursor:
            self._run(
                cursor,
                "UPDATE legion_agents SET owner = NULL, lease = NULL WHERE agent_id = ? AND owner = ?",
                agent_id,
                owner,
            )

    def release_all(self, owner: str) -> None:
        """Give all agents of a program up."""
        with self._lock, self.transaction() as cursor:
            self._run(cursor, "UPDATE legion_agents SET owner = NULL, lease = NULL WHERE owner = ?", owner)

    def save(self, checkpoint: Checkpoint) -> Lost | None:
        """Save where an agent stands, unless it is another owner's than the checkpoint's.

        Raises:
            LookupError: the agent was never claimed.
        """
        agent_id = checkpoint.agent_id
        with self._lock, self.transaction() as cursor:
            row = self._run(cursor, "SELECT owner FROM legion_agents WHERE agent_id = ?", agent_id).fetchone()
            if row is None:
                raise LookupError(f"nothing is known of an agent {agent_id!r}; claim it first")
            if checkpoint.owner is not None and row[0] != checkpoint.owner:
                return Lost(agent_id, row[0])
            self._run(
                cursor,
                "UPDATE legion_agents SET status = ?, body = ? WHERE agent_id = ?",
                *(checkpoint.status, checkpoint.body, agent_id),
            )
            self._run(
                cursor, "DELETE FROM legion_messages WHERE agent_id = ? AND number >= ?", agent_id, checkpoint.first
            )
            for number, body in enumerate(checkpoint.messages, checkpoint.first):
                self._run(cursor, "INSERT INTO legion_messages VALUES (?, ?, ?)", agent_id, number, body)
            if checkpoint.taken is not None:
                self._run(
                    cursor,
                    "DELETE FROM legion_inbox WHERE agent_id = ? AND call_id = ?",
                    *(agent_id, checkpoint.taken),
                )
        return None

    def accept(self, agent_id: str, call_id: str, body: bytes) -> None:
        """Keep a call that waits for its turn."""
        with self._lock, self.transaction() as cursor:
            self._run(cursor, "DELETE FROM legion_inbox WHERE agent_id = ? AND call_id = ?", agent_id, call_id)
            self._run(cursor, "INSERT INTO legion_inbox VALUES (?, ?, ?, ?)", agent_id, call_id, self._clock(), body)

    def load(self, agent_id: str) -> Saved | None:
        """Return what was saved of an agent, None where nothing is known of it."""
        with self._lock, self.transaction() as cursor:
            row = self._run(
                cursor, "SELECT agent, status, body, owner FROM legion_agents WHERE agent_id = ?", agent_id
            ).fetchone()
            if row is None:
                return None
            messages = self._run(
                cursor, "SELECT body FROM legion_messages WHERE agent_id = ? ORDER BY number", agent_id
            ).fetchall()
            waiting = self._run(
                cursor, "SELECT body FROM legion_inbox WHERE agent_id = ? ORDER BY at", agent_id
            ).fetchall()
        body = None if row[2] is None else bytes(row[2])
        return Saved(row[0], row[1], body, _bodies(messages), _bodies(waiting), row[3])

    def agents(self) -> list[Kept]:
        """Return all agents, the newest first."""
        columns = "identity, agent_id, agent, status, parent_id, started_at"
        with self._lock, self.transaction() as cursor:
            rows = self._run(cursor, f"SELECT {columns} FROM legion_agents ORDER BY started_at DESC").fetchall()
        return [Kept(row[1], row[2], row[3], row[4], row[5], json.loads(row[0])) for row in rows]

    def forget(self, agent_id: str) -> None:
        """Remove all that is kept of an agent but what it used."""
        with self._lock, self.transaction() as cursor:
            for table in ("legion_agents", "legion_messages", "legion_inbox"):
                self._run(cursor, f"DELETE FROM {table} WHERE agent_id = ?", agent_id)

    # -- limits ---------------------------------------------------------------------------------

    def admit(self, agent_id: str, rules: Sequence[Rule], asked: str) -> tuple[Violation, ...]:
        """Allow one more, and count it, or return what forbids it."""
        now = self._clock()
        with self._lock, self.transaction() as cursor:
            self._prune(cursor, rules, now)
            found = self._violations(cursor, rules, asked, now, agent_id)
            if found:
                return found
            if asked == "turn":
                self._run(cursor, "UPDATE legion_agents SET status = 'running' WHERE agent_id = ?", agent_id)
            if asked == "eval":
                self._use(cursor, agent_id, now, evals=1)
        return ()

    def spend(self, agent_id: str, tokens: int, money: float) -> None:
        """Count what a request took."""
        with self._lock, self.transaction() as cursor:
            self._use(cursor, agent_id, self._clock(), tokens=tokens, money=money)

    def _prune(self, cursor: Any, rules: Sequence[Rule], now: float) -> None:
        """Remember the longest window there is, and remove now and then what is older, and than a week."""
        longest = max((rule.policy.window_seconds for rule in rules), default=0.0)
        if longest <= self._longest and now < self._prune_at:
            return
        (known,) = self._run(cursor, "SELECT COALESCE(MAX(seconds), 0) FROM legion_windows").fetchone()
        if longest > known:
            self._run(cursor, "DELETE FROM legion_windows")
            self._run(cursor, "INSERT INTO legion_windows VALUES (?)", longest)
        self._longest = max(longest, float(known))
        self._prune_at = now + _PRUNED_EVERY
        self._run(cursor, "DELETE FROM legion_usage WHERE at <= ?", now - max(_KEPT, self._longest))

    def _use(
        self,
        cursor: Any,
        agent_id: str,
        now: float,
        *,
        agents: int = 0,
        tokens: int = 0,
        evals: int = 0,
        money: float = 0.0,
    ) -> None:
        row = self._run(cursor, "SELECT identity FROM legion_agents WHERE agent_id = ?", agent_id).fetchone()
        identity = "{}" if row is None else row[0]
        self._run(
            cursor,
            "INSERT INTO legion_usage (agent_id, identity, at, agents, tokens, evals, money)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(agent_id, identity, now, agents, tokens, evals, money),
        )

    def _violations(
        self, cursor: Any, rules: Sequence[Rule], asked: str, now: float, agent_id: str
    ) -> tuple[Violation, ...]:
        found = []
        for rule in rules:
            used = self._used(cursor, rule, now, agent_id)
            limits = exceeded(rule, used, asked)
            if limits:
                found.append(Violation(rule, used, limits))
        return tuple(found)

    def _used(self, cursor: Any, rule: Rule, now: float, agent_id: str) -> Used:
        since = now - rule.policy.window_seconds
        where, identity = self.identity_filter("identity", rule.identity)
        agents, tokens, evals, money = self._run(
            cursor,
            "SELECT COALESCE(SUM(agents), 0), COALESCE(SUM(tokens), 0), COALESCE(SUM(evals), 0),"
            f" COALESCE(SUM(money), 0) FROM legion_usage WHERE at > ? AND {where}",
            *(since, *identity),
        ).fetchone()
        # The asker itself is no other one; one whose program is gone is not running.
        (running,) = self._run(
            cursor,
            f"SELECT COUNT(*) FROM legion_agents WHERE status = 'running' AND lease > ? AND agent_id <> ? AND {where}",
            *(now, agent_id, *identity),
        ).fetchone()
        return Used(int(agents), int(running), int(tokens), int(evals), float(money))


def _refusal(claim: Claim, row: Any, now: float) -> Refused | None:
    if row is None:
        return None
    agent, owner, lease = row
    if agent != claim.agent:
        return Refused("agent_mismatch", f"agent {claim.agent_id!r} is kept as {agent}, not {claim.agent}")
    if owner is not None and owner != claim.owner and lease is not None and lease > now:
        return Refused("already_started", f"agent {claim.agent_id!r} runs in another program ({owner})")
    return None


def _identity(rules: Sequence[Rule]) -> dict[str, str]:
    return {key: value for rule in rules for key, value in rule.identity.items()}


def _bodies(rows: Sequence[Any]) -> tuple[bytes, ...]:
    return tuple(bytes(row[0]) for row in rows)


_TABLES = (
    "CREATE TABLE IF NOT EXISTS legion_agents (agent_id TEXT PRIMARY KEY, agent TEXT NOT NULL, parent_id TEXT,"
    " status TEXT NOT NULL, started_at DOUBLE PRECISION NOT NULL, identity TEXT NOT NULL, owner TEXT,"
    " lease DOUBLE PRECISION, body BLOB)",
    "CREATE TABLE IF NOT EXISTS legion_messages (agent_id TEXT NOT NULL, number INTEGER NOT NULL, body BLOB NOT NULL,"
    " PRIMARY KEY (agent_id, number))",
    "CREATE TABLE IF NOT EXISTS legion_inbox (agent_id TEXT NOT NULL, call_id TEXT NOT NULL,"
    " at DOUBLE PRECISION NOT NULL, body BLOB NOT NULL, PRIMARY KEY (agent_id, call_id))",
    "CREATE TABLE IF NOT EXISTS legion_usage (agent_id TEXT NOT NULL, identity TEXT NOT NULL,"
    " at DOUBLE PRECISION NOT NULL, agents BIGINT NOT NULL, tokens BIGINT NOT NULL,"
    " evals BIGINT NOT NULL, money DOUBLE PRECISION NOT NULL)",
    "CREATE TABLE IF NOT EXISTS legion_windows (seconds DOUBLE PRECISION NOT NULL)",
    "CREATE INDEX IF NOT EXISTS legion_usage_at ON legion_usage (at)",
)
