"""What is written down, so that a kill at any moment loses nothing?

One SQLite file: instances, their histories, messages not yet taken in, entities, and when each
timer trigger last ran. Never decides anything; the engine says what belongs to one transaction.

Rules:
- WAL with synchronous=FULL: a commit that returned is on the disk;
- one row of history for each step, in order; a new generation begins an empty history;
- what is in flight is not stored: it follows from the history;
- the file is held exclusively: a second host on it is refused, not corrupted.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from operator import attrgetter
from pathlib import Path

from local.host.history import Event
from local.host.instances import TERMINAL, Instance, InstanceFilter

_SCHEMA = """
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS instances (
    id TEXT PRIMARY KEY, execution_id TEXT NOT NULL, name TEXT NOT NULL, version TEXT,
    status TEXT NOT NULL, input TEXT, output TEXT, custom_status TEXT, parent TEXT,
    created TEXT NOT NULL, updated TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS history (
    instance_id TEXT, step INTEGER, events TEXT NOT NULL,
    PRIMARY KEY (instance_id, step)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS inbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT, target TEXT NOT NULL, execution_id TEXT,
    event TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS entities (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, updated TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS schedules (
    name TEXT PRIMARY KEY, last TEXT, next TEXT NOT NULL) WITHOUT ROWID;
"""


class StoreError(Exception):
    """The file cannot be used as the host's store."""


@dataclass(frozen=True, slots=True)
class Message:
    """Something for an instance or entity to take in; `number` is None when only in memory."""

    number: int | None
    target: str
    execution_id: str | None
    event: Event


@dataclass(frozen=True, slots=True)
class EntityRow:
    """One entity's state (JSON text) and when it last changed."""

    id: str
    state: str
    updated: str


_NAMES = [each.name for each in fields(Instance)]
_COLUMNS = ", ".join(_NAMES)
_VALUES = attrgetter(*_NAMES)
_MARKS = ", ".join("?" for _ in _NAMES)


class Store:
    """The host's SQLite file; every method is one quick statement or a few."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, timeout=0)
        try:
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as fault:
            self._db.close()
            raise StoreError(f"expected a store of our own at {path}: {fault}") from fault

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside are kept together, or none is."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def instance(self, instance_id: str) -> Instance | None:
        """The instance, or None."""
        query = f"SELECT {_COLUMNS} FROM instances WHERE id = ?"  # noqa: S608 - our own columns
        row = self._db.execute(query, (instance_id,)).fetchone()
        return Instance(*row) if row else None

    def put_instance(self, row: Instance) -> None:
        """Write the instance, replacing what was under its id."""
        query = f"REPLACE INTO instances ({_COLUMNS}) VALUES ({_MARKS})"  # noqa: S608 - our own
        self._db.execute(query, _VALUES(row))

    def instances(self, wanted: InstanceFilter) -> list[Instance]:
        """Instances in the order of their ids."""
        marks = ", ".join("?" for _ in wanted.statuses)
        status = f"status IN ({marks})" if marks else "1"
        query = (
            f"SELECT {_COLUMNS} FROM instances WHERE id > ? AND substr(id, 1, ?) = ?"  # noqa: S608
            f" AND created >= ? AND (? = '' OR created <= ?) AND {status} ORDER BY id LIMIT ?"
        )
        rows = self._db.execute(
            query,
            (
                *(wanted.after_id, len(wanted.prefix), wanted.prefix, wanted.created_from),
                *(wanted.created_to, wanted.created_to, *wanted.statuses, wanted.limit),
            ),
        )
        return [Instance(*row) for row in rows]

    def unfinished(self) -> list[Instance]:
        """Every instance that has not ended."""
        marks = ", ".join("?" for _ in TERMINAL)
        query = f"SELECT {_COLUMNS} FROM instances WHERE status NOT IN ({marks})"  # noqa: S608
        return [Instance(*row) for row in self._db.execute(query, TERMINAL)]

    def forget(self, instance_id: str) -> None:
        """Remove the instance, its history and its messages."""
        self._db.execute("DELETE FROM instances WHERE id = ?", (instance_id,))
        self.forget_history(instance_id)
        self._db.execute("DELETE FROM inbox WHERE target = ?", (instance_id,))

    def forget_history(self, instance_id: str) -> None:
        """Begin an empty history."""
        self._db.execute("DELETE FROM history WHERE instance_id = ?", (instance_id,))

    def append_history(self, instance_id: str, step: int, texts: Iterable[str]) -> None:
        """Add one step's events (JSON texts)."""
        row = (instance_id, step, ",".join(texts))
        self._db.execute("INSERT INTO history (instance_id, step, events) VALUES (?, ?, ?)", row)

    def history(self, instance_id: str) -> list[list[Event]]:
        """The events of an instance's present generation, step by step."""
        query = "SELECT events FROM history WHERE instance_id = ? ORDER BY step"
        return [json.loads(f"[{row[0]}]") for row in self._db.execute(query, (instance_id,))]

    def send(self, target: str, execution_id: str | None, event: Event) -> Message:
        """Keep a message until its target has taken it in."""
        query = "INSERT INTO inbox (target, execution_id, event) VALUES (?, ?, ?)"
        number = self._db.execute(query, (target, execution_id, json.dumps(event))).lastrowid
        return Message(number, target, execution_id, event)

    def taken(self, messages: Iterable[Message]) -> None:
        """Drop messages that their targets have taken in."""
        numbers = [(each.number,) for each in messages if each.number is not None]
        self._db.executemany("DELETE FROM inbox WHERE number = ?", numbers)

    def waiting(self) -> list[Message]:
        """Every message not yet taken in, oldest first."""
        query = "SELECT number, target, execution_id, event FROM inbox ORDER BY number"
        rows = self._db.execute(query)
        return [
            Message(number, target, run, json.loads(text)) for number, target, run, text in rows
        ]

    def entity(self, entity_id: str) -> EntityRow | None:
        """The entity, or None when it does not exist."""
        query = "SELECT id, state, updated FROM entities WHERE id = ?"
        row = self._db.execute(query, (entity_id,)).fetchone()
        return EntityRow(*row) if row else None

    def entities(self, prefix: str) -> list[EntityRow]:
        """Entities whose id begins with `prefix`, in the order of their ids."""
        query = "SELECT id, state, updated FROM entities WHERE substr(id, 1, ?) = ? ORDER BY id"
        return [EntityRow(*row) for row in self._db.execute(query, (len(prefix), prefix))]

    def put_entity(self, row: EntityRow) -> None:
        """Write the entity's state."""
        query = "REPLACE INTO entities (id, state, updated) VALUES (:id, :state, :updated)"
        self._db.execute(query, asdict(row))

    def forget_entity(self, entity_id: str) -> None:
        """Remove the entity."""
        self._db.execute("DELETE FROM entities WHERE id = ?", (entity_id,))

    def schedule(self, name: str) -> tuple[str | None, str] | None:
        """When the timer trigger last ran and when it is due, or None before its first start."""
        query = "SELECT last, next FROM schedules WHERE name = ?"
        row: tuple[str | None, str] | None = self._db.execute(query, (name,)).fetchone()
        return row

    def put_schedule(self, name: str, last: str | None, due: str) -> None:
        """Note when a timer trigger last ran and when it is due."""
        query = "REPLACE INTO schedules (name, last, next) VALUES (?, ?, ?)"
        self._db.execute(query, (name, last, due))
