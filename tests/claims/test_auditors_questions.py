"""The questions an auditor asks, answered by the commands as they are typed.

Each test quotes its question. The trail is that of a served tenant; everything is real but
Microsoft. What today's records do not hold (Microsoft's own log beside ours) is not answered here.
"""

import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from agent.audit.export.evidence import SignedEvidence, signing_bytes
from local import up
from local.stage import Stage
from local.up import World
from tests.claims.auditors_terminal import AF, Terminal

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world of one's own: other stories move the clock by hours, and a trail shows that."""
    with up.world(tmp_path_factory.mktemp("audited")) as running:
        yield running


@pytest.fixture
def terminal(world: World, stage: Stage, tmp_path: Path) -> Terminal:
    return Terminal(world, stage, tmp_path)


def put_out(stage: Stage, who: str, group: str) -> None:
    """Make sure that a person is no member before the story begins."""
    found = stage.group(group)
    left = [m for m in found["members"] if m != stage.oid(who)]
    stage.set_object("groups", found["id"], {"members": left})


@pytest.fixture
def approved(stage: Stage) -> str:
    """A request for another department's group, which its owner approved."""
    put_out(stage, "ian.moss" + AF, "Finance")
    person = stage.person("ian.moss" + AF)
    request = person.ask("I need access to the Finance SharePoint")
    person.follow(request, until=("waiting_for_approval",))
    olga = stage.person("olga.brandt" + AF)
    assert olga.decide(olga.pending(request), "approve").status == 200
    assert person.follow(request)["status"] == "done"
    return request


def test_who_had_approved_this_access_and_under_which_rule_text(
    terminal: Terminal, stage: Stage, approved: str
) -> None:
    """The owner, for exactly that change; and the rules' words, from the signed policy."""
    asked = ("--request", approved, "--out", str(terminal.folder), "--json")
    told = terminal.audit("evidence", *asked, who="helen.cho").facts()
    assert told["flaws"] == []
    signed = SignedEvidence.model_validate_json(Path(told["document"]).read_text("utf-8"))
    assert is_ours(terminal, signed)
    (vote,) = signed.evidence.votes
    assert (vote.person, vote.decision) == (stage.oid("olga.brandt" + AF), "approve")
    (change,) = signed.evidence.changes
    assert change.digest == vote.digest
    assert vote.was_asked
    verdict = next(one for one in signed.evidence.verdicts if one.step == change.step)
    named = {rule for layer in verdict.layers for rule in (*layer.permitted_by, *layer.required_by)}
    shown = terminal.policy("--rules")
    words = {rule["id"]: rule["reason"] for rule in shown}
    assert named
    assert all(words[rule] for rule in named)
    page = Path(told["page"]).read_text("utf-8")
    assert stage.oid("olga.brandt" + AF) in page
    assert Path(told["document"]).stat().st_mode & 0o077 == 0
    story = terminal.audit("explain", "--request", approved, who="helen.cho")
    assert story.code == 0, story.err
    assert f"approve: {vote.person}" in story.out
    assert f"with the token of {vote.person} (approver: " in story.out
    assert "after true" in story.out
    assert "read back at " in story.out
    assert all(rule in story.out for rule in named)


def is_ours(terminal: Terminal, signed: SignedEvidence) -> bool:
    """Whether the tenant's audit key, as the registry has it, signed the evidence."""
    pem = terminal.public_key()
    raw = urlsafe_b64decode(signed.signature.value + "==")
    r, s = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
    key = load_pem_public_key(pem.encode())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(  # raises when it did not
        utils.encode_dss_signature(r, s), signing_bytes(signed.evidence), ec.ECDSA(SHA256())
    )
    return "/keys/audit-signing/" in signed.signature.kid


def test_every_approved_change_was_approved_by_somebody_else(
    terminal: Terminal, approved: str
) -> None:
    """Over the whole trail: whoever approved a change that was made had not asked for it."""
    records = terminal.taken()
    votes = {
        (body["request"], body["step"], body["digest"]): body["actor"]
        for body in records
        if body["phase"] == "approval" and body["outcome"] == "approve"
    }
    made = [
        body
        for body in records
        if body["phase"] == "outcome"
        and body["outcome"] == "done"
        and body["acted_as"]["mode"] == "approver"
    ]
    assert approved in {body["request"] for body in made}
    for body in made:
        approver = votes[body["request"], body["step"], body["digest"]]
        assert approver not in (None, body["actor"])


def test_prove_that_nothing_was_removed(terminal: Terminal, approved: str) -> None:
    """A signed bundle that a stranger checks offline, and that shows each thing taken from it."""
    kept = terminal.folder / "witness.ndjson"
    made = terminal.audit("checkpoint", "--now", "--json", "--tenant", terminal.tenant)
    kept.write_text(made.out, encoding="utf-8")
    assert made.code == 0, made.err
    size = json.loads(made.out.splitlines()[-1])["size"]
    here = terminal.audit("verify", "--tenant", terminal.tenant, "--witness", str(kept), "--json")
    assert here.facts()["signed_to"] >= size
    file, key = terminal.folder / "trail.ndjson", terminal.folder / "audit.pem"
    asked = ("--format", "bundle", "--out", str(file))
    assert terminal.audit("export", *asked, who="helen.cho").code == 0
    assert file.stat().st_mode & 0o077 == 0
    key.write_text(terminal.public_key(), encoding="ascii")
    judge = ("verify", "--bundle", str(file), "--key", str(key))
    verdict = terminal.run(*judge, "--json").facts()
    assert verdict["findings"] == []
    assert verdict["signed_to"] >= size
    if verdict["uncovered"] is not None:
        assert "could be rewritten unseen" in terminal.run(*judge).out
    whole = file.read_bytes().splitlines(keepends=True)
    middle = next(at for at, line in enumerate(whole) if approved.encode() in line)
    file.write_bytes(b"".join(whole[:middle] + whole[middle + 1 :]))
    seen = terminal.run(*judge)
    assert seen.code == 1
    seq = json.loads(whole[middle])["seq"]
    assert f"deleted: record {seq}, line " in seen.out
    file.write_bytes(whole[0] + b"".join(whole[-1:]))
    assert terminal.run(*judge, "--witness", str(kept)).code == 1
    stranger = terminal.run("verify", "--bundle", str(file))
    assert stranger.code == 1


def test_what_is_fifteen_minutes_old_is_signed_by_itself(
    terminal: Terminal, stage: Stage, approved: str
) -> None:
    """The timer signs for everybody; nobody has to ask."""

    def signed_to() -> int:
        seen = terminal.audit("verify", "--tenant", terminal.tenant, "--json").facts()
        return int(seen["signed_to"])

    (last,) = [r["seq"] for r in stage.person("ian.moss" + AF).trail(approved)][-1:]
    before = signed_to()
    assert before < last
    stage.advance(901)
    until = time.monotonic() + 30
    while (after := signed_to()) == before:
        assert time.monotonic() < until, "expected a checkpoint by itself, saw none"
    assert after >= last


def test_one_request_goes_out_with_its_proof_and_nobody_elses_records(
    terminal: Terminal, approved: str
) -> None:
    """A bundle of one request is signed for, and shows of all other records the hash only."""
    assert terminal.audit("checkpoint", "--now", "--tenant", terminal.tenant).code == 0
    file, key = terminal.folder / "part.ndjson", terminal.folder / "audit.pem"
    key.write_text(terminal.public_key(), encoding="ascii")
    asked = ("--format", "bundle", "--request", approved, "--out", str(file))
    assert terminal.audit("export", *asked, who="helen.cho").code == 0
    judge = ("verify", "--bundle", str(file), "--key", str(key), "--tenant", terminal.tenant)
    verdict = terminal.run(*judge, "--json").facts()
    assert verdict["findings"] == []
    assert verdict["uncovered"] is None
    shown = [json.loads(line) for line in file.read_text("utf-8").split("\n")[:-1]]
    bodies = [line["body"] for line in shown if "body" in line]
    assert {body["request"] for body in bodies} == {approved}
    assert len(bodies) == verdict["records"]


def test_which_actions_failed_or_are_unverified(terminal: Terminal, stage: Stage) -> None:
    """What was refused, failed or not read back stands there as such, with its reason."""
    person = stage.person("oscar.lind" + AF)
    request = person.ask("Please give me access to the Board Papers site")
    assert person.follow(request)["status"] == "refused"
    records = terminal.taken()
    refused = [body for body in records if body.get("outcome") == "refused"]
    assert any(
        body["request"] == request and body["detail"]["why"]
        for body in refused
        if "request" in body
    )
    for body in records:
        if body["phase"] == "outcome" and body["outcome"] == "done":
            assert body["detail"]["verified_at"], "what is called done was read back"


def test_all_that_was_done_with_one_persons_token_and_microsofts_own_account_of_it(
    terminal: Terminal, stage: Stage, approved: str
) -> None:
    """Each change names Microsoft's request, and Microsoft knows it as that person's."""
    owner = stage.oid("olga.brandt" + AF)
    done = [
        body
        for body in terminal.taken("--request", approved)
        if body["phase"] == "outcome" and body.get("acted_as", {}).get("person") == owner
    ]
    assert done
    theirs = {c["request_id"]: c for c in stage.changes() if c["changed"] and c["oid"] == owner}
    for body in done:
        change = theirs[body["graph"]["request_id"]]
        assert change["client_request_id"] == body["graph"]["client_request_id"]


def test_which_policy_decided_and_who_had_published_it(terminal: Terminal, approved: str) -> None:
    """Each decision names its snapshot; the history of heads says who published that one."""
    heads = {head["seq"]: head for head in terminal.policy("--history")}
    decided = [b for b in terminal.taken("--request", approved) if b.get("decision")]
    assert decided
    for body in decided:
        snapshot = body["decision"]["snapshot"]
        head = heads[snapshot["seq"]]
        assert head["snapshot_id"] == snapshot["id"]
        assert head["published_by"]
        assert head["approved_by"]


def test_every_reading_of_the_trail_is_in_the_trail(
    terminal: Terminal, stage: Stage, approved: str
) -> None:
    """Who, what, in which format: before they saw any of it; and nobody else saw anything."""
    before = len([b for b in terminal.taken() if b["phase"] == "export"])
    terminal.taken("--from", "2", "--to", "5")
    for form, first in (("csv", '"seq"'), ("cef", "CEF:0|"), ("ocsf", "{"), ("bundle", "{")):
        more = () if form == "bundle" else ("--request", approved)
        seen = terminal.audit("export", "--format", form, *more, who="helen.cho")
        assert seen.code == 0, seen.err
        assert seen.out.startswith(first)
    assert terminal.audit("explain", "--request", approved, who="helen.cho").code == 0
    for who, token, code in (
        ("helen.cho", {"claims": {}}, "no_auditor"),
        ("helen.cho", {"audience": "graph"}, "wrong_audience"),
        ("freya.holm@borealis.example", {}, "wrong_tenant"),
    ):
        refused = terminal.audit("export", "--format", "csv", who=who, **token)
        assert (refused.code, refused.err.split(":")[1], refused.out) == (1, f" {code}", "")
    nothing = terminal.audit("explain", "--request", "0" * 32, who="helen.cho")
    assert (nothing.code, nothing.err.split(":")[1]) == (1, " no_records")
    made = [b for b in terminal.taken() if b["phase"] == "export"][before:]
    assert {b["actor"] for b in made} == {stage.oid("helen.cho" + AF)}
    assert {b["detail"]["role"] for b in made} == {"Warrant.Auditor"}
    details = [{k: v for k, v in b["detail"].items() if k != "role"} for b in made]
    assert details == [
        {"format": "ndjson", "first": 2, "last": 5},
        {"format": "csv", "request": approved},
        {"format": "cef", "request": approved},
        {"format": "ocsf", "request": approved},
        {"format": "bundle"},
        {"format": "explain", "request": approved},
        {"format": "explain", "request": "0" * 32},
        {"format": "ndjson"},
    ]
