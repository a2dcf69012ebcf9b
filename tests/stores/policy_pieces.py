"""A tenant's policy store on real tables: its key, its publisher, its readers, its desk."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from pydantic import BaseModel

from agent.adapters.policies_table import PolicyTable
from agent.adapters.policy_history import PolicyHistory
from agent.adapters.policy_publisher import PolicyPublisher
from agent.adapters.tables import Rows
from agent.publish import PolicyStores, Publishing
from policy.pack import PlacedRule
from policy.publishing import ROLE, Checks, DiffReport, placed
from policy.rule import Rule
from policy.snapshot import Head, write_body
from tests.stores.pieces import FreshTable, HandClock, person

TENANT = "11111111-1111-4111-8111-111111111111"
KID = "https://vault/keys/policy/1"
HEAD = ("head", "active")


class Key:
    """A key pair of the publisher."""

    def __init__(self) -> None:
        self._private = ec.generate_private_key(ec.SECP256R1())

    async def sign(self, message: bytes) -> tuple[str, bytes]:
        return KID, self._private.sign(message, ec.ECDSA(SHA256()))

    def verify(self, kid: str, message: bytes, signature: bytes) -> bool:
        try:
            self._private.public_key().verify(signature, message, ec.ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return kid == KID


@dataclass(frozen=True)
class Someone:
    """Somebody who signed in."""

    person: str
    tenant: str = TENANT
    app_roles: frozenset[str] = frozenset({ROLE})
    guest: bool = False


ANN, BO, CY = (Someone(person(n)) for n in (21, 22, 23))


class Store:
    """One tenant's three tables, with their publisher and any number of readers."""

    def __init__(self, policies: Rows, snapshots: Rows, heads: Rows, clock: HandClock) -> None:
        self.policies, self.snapshots, self.heads, self.clock = policies, snapshots, heads, clock
        self.key = Key()
        self.history = PolicyHistory(heads, snapshots, self.key.verify)
        self.publisher = self.publisher_with(self.key)
        self.decided: list[BaseModel] = []

    @classmethod
    async def fresh(cls, fresh_table: FreshTable, clock: HandClock) -> "Store":
        policies, snapshots = await fresh_table("Policies"), await fresh_table("PolicySnapshots")
        return cls(policies, snapshots, await fresh_table("PolicyHeads"), clock)

    def publisher_with(self, key: Any) -> PolicyPublisher:
        tables = (self.policies, self.snapshots, self.heads)
        return PolicyPublisher(*tables, self.history, self.clock, KID, key.sign)

    def reader(self) -> PolicyTable:
        return PolicyTable(self.heads, self.snapshots, self.clock, self.key.verify)

    def desk(self, limits: Sequence[Rule] = ()) -> Publishing:
        stores = PolicyStores(self.history, self.publisher, self.key.verify)
        checks = Checks(limits=lambda _: tuple(limits), compare=compared, prove=lambda rules: ())
        return Publishing(TENANT, stores, checks, self.clock, self)

    async def decisions(self, since: Any) -> Sequence[BaseModel]:
        return self.decided

    async def publish(self, *rules: Rule) -> Head:
        people = {"published_by": "ann", "approved_by": "bo"}
        return await self.publisher.publish(rules, await self.history.standing(), **people)

    async def head(self) -> dict[str, Any]:
        return dict(await self.heads.get(*HEAD) or {})


def compared(old: Sequence[Rule], new: Sequence[Rule]) -> DiffReport:
    """The smallest honest diff: which rules came, went or changed."""
    before, after = ({rule.id: rule for rule in rules} for rules in (old, new))
    names = sorted(n for n in {*before, *after} if before.get(n) != after.get(n))
    said = json.dumps([write_body(old).id, write_body(new).id, names])
    return DiffReport(hash=hashlib.sha256(said.encode()).hexdigest(), sentences=tuple(names))


def rule(name: str, reason: str = "as agreed") -> Rule:
    """A rule that lint has nothing to say about."""
    return Rule.of(
        {
            "schema": 1,
            "id": name,
            "layer": "global",
            "effect": "deny",
            "when": {"action": {"ids": ["group.member.add"]}, "target": {"tags_any": [name]}},
            "reason": reason,
            "remedy": "Ask the service desk.",
            "tests": [
                _example("group.member.add", name, True),
                _example("group.member.remove", name, False),
            ],
            "provenance": {
                "author": "ann",
                "approver": "bo",
                "created_at": "2026-03-01",
                "change": "CHG-1",
            },
        }
    )


def _example(action: str, tag: str, applies: bool) -> dict[str, Any]:
    facts = {"action": {"id": action}, "target": {"tags": [tag]}}
    return {"name": action, "query": facts, "applies": applies}


def rules(*names: str) -> list[PlacedRule]:
    """Rules as a folder would give them."""
    return list(placed([rule(name) for name in names], "rules.yaml"))


def names(found: Any) -> list[str]:
    return [one.rule.id for one in found.rules.enforced]
