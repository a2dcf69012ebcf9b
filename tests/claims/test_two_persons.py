"""Policy changes by two persons: the commands as they are typed, on a tenant that is served.

Everything is real but Microsoft: tables, vault, sign-ins, the app that reads what was published.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.onboarding import DECIDERS, PACKS
from local.stage import Stage
from local.up import ROOT, World

pytestmark = pytest.mark.stack
AF = "@alderfinch.example"
ADMIN = {"roles": ["Warrant.Admin"]}
FREEZE = """
schema: 1
id: freeze-finance
layer: tenant
effect: deny
when: {action: {ids: [group.member.add]}, target: {tags_any: [finance]}}
reason: Access to Finance is frozen until the audit is over.
remedy: Ask again when the audit is over.
tests:
  - name: into Finance
    query: {action: {id: group.member.add}, target: {tags: [finance]}}
    applies: true
  - name: into Sales
    query: {action: {id: group.member.add}, target: {tags: [sales]}}
    applies: false
provenance: {author: nadia.petrov, approver: helen.cho, created_at: 2026-11-20, change: CHG-7}
"""


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    def facts(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


@dataclass(frozen=True)
class Terminal:
    """A shell of somebody who works for the first organisation."""

    world: World
    stage: Stage
    folder: Path

    def policy(self, *arguments: str, who: str | None = None, **token: object) -> Ran:
        """Run one command on the tenant, signed in as somebody."""
        signed_in = []
        if who is not None:
            file = self.folder / "token"
            file.touch(mode=0o600)
            file.write_text(self.stage.token(who + AF, **({"claims": ADMIN} | token)))
            signed_in = ["--token-file", str(file)]
        tenant = ["--tenant", self.world.facts["tenants"][0]["id"]]
        done = subprocess.run(
            [sys.executable, "-m", "policy", *arguments, *tenant, *signed_in],
            cwd=ROOT,
            env={**os.environ, **self.world.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def terminal(world: World, stage: Stage, tmp_path: Path) -> Terminal:
    return Terminal(world, stage, tmp_path)


def test_a_rule_counts_when_a_second_person_approved_it_and_until_two_took_it_back(
    terminal: Terminal, stage: Stage
) -> None:
    rules = terminal.folder / "rules"
    rules.mkdir()
    (rules / "freeze.yaml").write_text(FREEZE)
    given = terminal.folder / "parameters.json"
    given.write_text(json.dumps(DECIDERS["alderfinch.example"]))
    pack, filled = str(PACKS / "tenant-default"), ("--parameters", str(given))
    before = terminal.policy("show", "--json").facts()
    earlier = stage.person("ian.moss" + AF).ask("I need access to the Finance SharePoint")
    stage.person("ian.moss" + AF).follow(earlier, until=("waiting_for_approval",))
    stage.advance(301)  # what was decided just now is not replayed yet

    seen = terminal.policy(
        "publish", pack, str(rules), *filled, "--json", who="nadia.petrov"
    ).facts()
    diff = seen["proposal"]["diff"]
    assert any("newly denied: group.member.add" in one for one in seen["diff"]["sentences"])
    replayed = seen["simulation"]
    assert replayed["reproduced"] == replayed["decisions"] > 0, replayed["differences"]
    assert {"kind": "denied", "request": earlier}.items() <= moved(replayed, earlier).items()
    shown = terminal.policy("show", "--json").facts()
    assert shown["head"] == before["head"], "nothing counts yet"
    assert [one["diff"] for one in shown["waiting"]] == [diff]

    alone = terminal.policy("publish", "--approve", diff, who="nadia.petrov")
    assert (alone.code, alone.err.split(":")[1]) == (1, " same_person")
    no_admin = terminal.policy("publish", "--approve", diff, who="helen.cho", claims={})
    assert (no_admin.code, no_admin.err.split(":")[1]) == (1, " not_admin")
    stranger = terminal.policy("publish", "--approve", diff, who="helen.cho", audience="graph")
    assert (stranger.code, stranger.err.split(":")[1]) == (1, " wrong_audience")

    assert "freeze-finance" in terminal.policy("show", "--proposal", diff, who="helen.cho").out
    head = terminal.policy("publish", "--approve", diff, "--json", who="helen.cho").facts()
    assert head["published_by"] == stage.oid("nadia.petrov" + AF)
    assert head["approved_by"] == stage.oid("helen.cho" + AF)
    try:
        person = stage.person("raj.patel" + AF)
        stage.advance(31)  # a forecast may rest on a head that was read up to 30 s ago
        answer = person.follow(person.ask("I need access to the Finance SharePoint"))
        assert answer["status"] == "refused"
        assert "frozen until the audit" in answer["answer"]
    finally:
        to = ["--to", str(before["head"]["seq"])]
        back = terminal.policy("rollback", *to, *filled, "--json", who="helen.cho").facts()
        terminal.policy("publish", "--approve", back["proposal"]["diff"], who="nadia.petrov")
        stage.advance(31)
    after = terminal.policy("show", "--json").facts()
    assert after["head"]["snapshot_id"] == before["head"]["snapshot_id"]
    assert after["head"]["seq"] == head["seq"] + 1


def moved(simulation: dict[str, Any], request: str) -> dict[str, Any]:
    """The first move of a request under other rules."""
    return next((one for one in simulation["moves"] if one["request"] == request), {})


def test_one_person_renews_and_only_that(terminal: Terminal) -> None:
    before = terminal.policy("show", "--json").facts()["head"]
    after = terminal.policy("publish", "--renew", "--json", who="helen.cho").facts()
    assert (after["snapshot_id"], after["seq"]) == (before["snapshot_id"], before["seq"] + 1)
    refused = terminal.policy("publish", "--renew", who="helen.cho", claims={})
    assert refused.code == 1


def test_a_token_that_others_can_read_and_a_sign_in_elsewhere_are_refused(
    terminal: Terminal, stage: Stage
) -> None:
    file = terminal.folder / "open"
    file.write_text(stage.token("nadia.petrov" + AF, claims=ADMIN))
    file.chmod(0o644)
    told = terminal.policy("publish", "--renew", "--token-file", str(file))
    assert (told.code, "chmod 600" in told.err) == (1, True)
    file.chmod(0o600)
    file.write_text(stage.token("freya.holm@borealis.example", claims=ADMIN))
    told = terminal.policy("publish", "--renew", "--token-file", str(file))
    assert told.err.startswith("refused: wrong_tenant")
    missing = terminal.policy("publish", "--renew", "--token-file", str(file) + "x")
    assert missing.err.startswith("refused: token_file")
    assert "eyJ" not in told.err + missing.err
