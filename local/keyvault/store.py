"""What does one vault hold? Versions of secrets and keys, and which of them are deleted.

Rules:
- one SQLite file a vault, readable by its owner only: it stands for the vault itself, so secrets
  and private keys lie in it in the clear, and nowhere else;
- every change is one transaction, on disk before the answer (`synchronous = FULL`), so `kill -9`
  after an answer loses nothing;
- versions are never changed except in their attributes, and never removed except by a purge;
- names compare without case, as Key Vault's do.
"""

import json
import os
import sqlite3
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["secrets", "keys"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS versions (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    name TEXT NOT NULL COLLATE NOCASE,
    version TEXT NOT NULL,
    body TEXT NOT NULL,
    material BLOB NOT NULL,
    UNIQUE (kind, name, version)
);
CREATE TABLE IF NOT EXISTS deleted (
    kind TEXT NOT NULL,
    name TEXT NOT NULL COLLATE NOCASE,
    deleted_at INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
);
"""
_LATEST = "SELECT max(seq) FROM versions WHERE kind = ? GROUP BY name"


class Version(BaseModel):
    """One version of a secret or a key. `material` is the value or the private key (PKCS8)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str
    material: bytes = Field(repr=False, exclude=True)
    enabled: bool
    nbf: int | None
    exp: int | None
    created: int
    updated: int
    tags: dict[str, str] | None
    content_type: str | None = None
    key_ops: tuple[str, ...] = ()


class Store:
    """The state of one vault in the file `path`."""

    def __init__(self, path: Path) -> None:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;" + _SCHEMA)

    def add(self, kind: Kind, version: Version) -> None:
        """Keep a new version, which becomes the latest of its name."""
        self._db.execute(
            "INSERT INTO versions (kind, name, version, body, material) VALUES (?, ?, ?, ?, ?)",
            (kind, version.name, version.version, version.model_dump_json(), version.material),
        )

    def change(self, kind: Kind, version: Version) -> None:
        """Replace the attributes of an existing version."""
        self._db.execute(
            "UPDATE versions SET body = ? WHERE kind = ? AND name = ? AND version = ?",
            (version.model_dump_json(), kind, version.name, version.version),
        )

    def get(self, kind: Kind, name: str, version: str = "") -> Version | None:
        """One version, the latest if none is named; deleted objects have none."""
        if self.deleted_at(kind, name) is not None:
            return None
        seen = self.versions(kind, name)
        return next((v for v in reversed(seen) if version in ("", v.version)), None)

    def versions(self, kind: Kind, name: str) -> list[Version]:
        """Every version of a name, deleted or not, the oldest first."""
        return self._select("kind = ? AND name = ? ORDER BY seq", kind, name)

    def latest(self, kind: Kind, *, deleted: bool) -> list[Version]:
        """The latest version of every name that is, or is not, deleted; by name."""
        found = self._select(f"seq IN ({_LATEST}) ORDER BY name", kind)
        return [v for v in found if (self.deleted_at(kind, v.name) is not None) is deleted]

    def delete(self, kind: Kind, name: str, now: int) -> None:
        """Mark a name as deleted; its versions stay until recovered or purged."""
        self._db.execute("INSERT INTO deleted VALUES (?, ?, ?)", (kind, name, now))

    def deleted_at(self, kind: Kind, name: str) -> int | None:
        """When a name was deleted; None if it is not."""
        row = self._db.execute(
            "SELECT deleted_at FROM deleted WHERE kind = ? AND name = ?", (kind, name)
        ).fetchone()
        return None if row is None else int(row[0])

    def recover(self, kind: Kind, name: str) -> None:
        """Undo a deletion."""
        self._db.execute("DELETE FROM deleted WHERE kind = ? AND name = ?", (kind, name))

    def purge(self, kind: Kind, name: str) -> None:
        """Remove a name with all its versions, for good."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for table in ("versions", "deleted"):
                where = "WHERE kind = ? AND name = ?"
                self._db.execute(f"DELETE FROM {table} {where}", (kind, name))  # noqa: S608

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _select(self, where: str, *values: str) -> list[Version]:
        query = f"SELECT body, material FROM versions WHERE {where}"  # noqa: S608 - own text only
        return [_version(*row) for row in self._db.execute(query, values)]


def _version(body: str, material: bytes) -> Version:
    return Version.model_validate({**json.loads(body), "material": material})
