"""The trail holds ids and digests, never what people are called or what they wrote.

INVARIANT 9, for every draft: a canary stands in each text that a person, a tenant or an approver
wrote, and no draft of any stage may hold one.
"""

import json
import string
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.attempt import Attempt, Loaded
from agent.chronicle import (
    answer_drafts,
    asked_drafts,
    assessed_drafts,
    decision_draft,
    intent_draft,
    outcome_draft,
    refused_draft,
    request_draft,
    vote_draft,
)
from agent.domain import Authority, Denied, Plan, Refusal, Request, Ruling, Step, Wait, Work
from agent.ports import Tenant
from agent.receipts import Answer, Began, GraphTrace, Ticket
from agent.records import Claim, Draft
from agent.values import TenantId
from policy.decide import Decision
from tests.unit.values import (
    FREYA,
    HELEN,
    NADIA,
    NOW,
    OLGA,
    SAM,
    act,
    classes,
    findings,
    found,
    group,
    planned,
    receipt,
    record,
    request,
    require,
    rules,
    scene,
    vote,
)

APPROVAL = {"kind": "approval", "by": "resource_owner", "expires_after": "PT8H", "when": "before"}
canaries = st.text(
    alphabet=string.ascii_letters + "\u0430\u00e9 \"'\\{}\n", min_size=1, max_size=20
).map(lambda noise: f"canary {noise} canary")


class Told:
    """One whole story in which every text that somebody wrote is the canary."""

    def __init__(self, canary: str) -> None:
        self.canary = canary
        self.request = request(
            upn=canary, ask={"text": canary, "justification": canary}, signed_in_at=NOW
        )
        person = {"enabled": True, "department": canary, "kind": "Member", "display": canary}
        seen = findings(person=person, group=group(display=canary), owners=[OLGA, SAM])
        seen += [
            found("resource", canary, {"groups": [group(display=canary)], "sites": [canary]}),
            found("history", canary, {"changes": [{"what": canary, "at": canary}]}),
        ]
        at = scene(rules(require(APPROVAL)), seen, classes(), self.request)
        self.step: Step = planned(at).steps[0]
        self.work = Work(
            intent=act(canary).model_copy(update={"say": canary}),
            findings=tuple(seen),
            classes=tuple(classes().values()),
            plan=Plan(steps=(self.step,)),
            refusal=Refusal(code="denied", for_user=canary, for_admin="layer x: rule y"),
            denied=Denied(
                step=self.step.id,
                action=self.step.action,
                target=self.step.target.id,
                digest=self.step.digest,
                ruling=Ruling(
                    facts=self.step.facts,
                    decision=self.step.forecast.model_copy(update={"reason": canary}),
                ),
            ),
        )
        self.vote = vote(self.step, upn=canary, comment=canary)
        self.decision: Decision = self.step.forecast.model_copy(
            update={"reason": canary, "remedy": canary}
        )
        self.authority = Authority(
            mode="approver",
            person=OLGA,
            upn=canary,
            why="owns the target",  # type: ignore[arg-type]
        )
        self.began = Began(before=False, authority=self.authority, decision=self.decision)

    def attempt(self, direction: str) -> Attempt:
        done = receipt(self.step, "done", ours=True, before=False, authority=self.authority)
        loaded = Loaded(record(self.work, request=self.request), [self.vote], [], [done])
        attempt = Attempt(HANDLE, loaded, self.step.id, direction, Claim(attempt=2))  # type: ignore[arg-type]
        moved = dict(self.step.facts) | {"requester": {"department": self.canary + " moved"}}
        attempt.ruled(Ruling(facts=moved, decision=self.decision))
        return attempt

    def drafts(self) -> list[Draft]:
        made = [
            request_draft(self.request, "b" * 64),
            refused_draft(FREYA, "malformed", NOW),
            *assessed_drafts(self.request, self.work, NOW),
            *asked_drafts(self.request, self.step, NOW),
            vote_draft(self.request.id, self.vote),
        ]
        ticket = Ticket(id="T-1", to=HELEN, summary=self.canary, account=(self.canary,))
        answer = Answer(status="escalated", text=self.canary, ticket=ticket)  # type: ignore[arg-type]
        made += answer_drafts(self.request, answer, NOW)
        for direction in ("do", "undo"):
            attempt = self.attempt(direction)
            made += [intent_draft(attempt, self.began), decision_draft(attempt, self.decision)]
            refusal = Refusal(code="denied", for_user=self.canary, for_admin="layer x: rule y")
            made += [
                outcome_draft(attempt, ended)
                for ended in (
                    attempt.receipt(
                        "done",
                        ours=True,
                        after=True,
                        authority=self.authority,
                        decision=self.decision,
                        verified_at=NOW,
                        graph=TRACE,
                    ),  # type: ignore[arg-type]
                    attempt.receipt("refused", refusal=refusal, decision=self.decision),  # type: ignore[arg-type]
                    attempt.receipt("waiting", ours=True, wait=Wait(until=NOW + timedelta(1))),  # type: ignore[arg-type]
                )
            ]
        return made


class Now:
    """The time of these tests."""

    def now(self) -> Any:
        return NOW


TRACE = GraphTrace(request_id="f" * 32, client_request_id="e" * 32)
# An attempt asks its handle for nothing but the time; a port that it asked besides would be None.
HANDLE = Tenant(TenantId("af990baf-d101-4320-bcec-be3dd47f7e41"), HELEN, Now(), *[None] * 9)  # type: ignore[arg-type]


@given(canaries)
def test_no_draft_of_any_stage_holds_what_somebody_wrote(canary: str) -> None:
    for draft in Told(canary).drafts():
        text = json.dumps(draft.model_dump(mode="json"), ensure_ascii=False)
        assert "canary" not in text, draft.phase


def test_the_story_reaches_every_phase_that_a_request_has() -> None:
    phases = {draft.phase for draft in Told("canary").drafts()}
    assert phases == {
        "request",
        "read",
        "decision",
        "approval_asked",
        "approval",
        "intent",
        "compensate",
        "outcome",
        "answer",
        "escalate",
    }


def test_a_finding_is_named_by_source_time_reader_and_a_digest_of_what_was_seen() -> None:
    told = Told("canary")
    read = next(d for d in told.drafts() if d.phase == "read")
    assert len(read.reasoning) == len(told.work.findings)
    for step in read.reasoning:
        assert {"lookup", "source", "read_at", "read_as"} <= set(step)
        assert len(str(step["seen"])) == 64


def test_two_different_sights_never_have_one_digest() -> None:
    one = Told("canary a").drafts()[2].reasoning
    other = Told("canary b").drafts()[2].reasoning
    assert one != other


def test_what_could_not_be_read_is_recorded_as_unknown_with_its_reason() -> None:
    work = Work(intent=act(), findings=(found("risk", FREYA, None, unknown="forbidden"),))
    (read,) = assessed_drafts(request(), work, NOW)
    assert read.reasoning[0]["unknown"] == "forbidden"
    assert "seen" not in read.reasoning[0]


def test_the_record_of_an_act_names_hands_change_state_and_the_rules_of_all_six_layers() -> None:
    told = Told("canary")
    draft = intent_draft(told.attempt("do"), told.began)
    assert draft.phase == "intent"
    assert draft.acted_as == {"mode": "approver", "person": OLGA, "why": "owns the target"}
    assert draft.actor == FREYA
    assert draft.digest == told.step.digest
    assert draft.before is False
    assert draft.decision is not None
    layers = draft.decision["layers"]
    assert isinstance(layers, list)
    assert [one["layer"] for one in layers] == [  # type: ignore[index]
        "global",
        "tenant",
        "target",
        "department",
        "action",
        "runtime",
    ]
    assert draft.decision["snapshot"] == {"id": "a" * 64, "seq": 7}


def test_an_undo_is_recorded_as_the_inverse_change_and_not_as_the_change() -> None:
    told = Told("canary")
    draft = intent_draft(told.attempt("undo"), told.began)
    assert draft.phase == "compensate"
    assert draft.action is not None
    assert draft.action["name"] == "group.member.remove"
    assert draft.digest != told.step.digest


def test_an_outcome_names_what_microsoft_calls_the_call() -> None:
    told = Told("canary")
    ended = told.attempt("do").receipt("done", ours=True, graph=TRACE, verified_at=NOW)  # type: ignore[arg-type]
    draft = outcome_draft(told.attempt("do"), ended)
    assert draft.graph == TRACE.model_dump()
    assert draft.detail["verified_at"] == NOW.isoformat()
    assert draft.detail["ours"] is True


def test_who_was_asked_is_recorded_by_id_with_quorum_and_deadline() -> None:
    told = Told("canary")
    (asked,) = asked_drafts(told.request, told.step, NOW)
    assert asked.detail["approvers"] == sorted([OLGA, SAM])
    assert asked.detail["quorum"] == 1
    assert asked.detail["expires_at"] == (NOW + timedelta(hours=8)).isoformat()


def test_a_refused_call_names_the_person_and_the_code_and_no_request() -> None:
    draft = refused_draft(NADIA, "too_large", NOW)
    assert (draft.actor, draft.outcome, draft.request) == (NADIA, "refused", None)


def test_a_request_is_recorded_by_the_digest_of_what_was_sent() -> None:
    asked: Request = request()
    draft = request_draft(asked, "b" * 64)
    signed_in = asked.signed_in_at
    assert signed_in is not None
    source = {"channel": "http", "signed_in_at": signed_in.isoformat()}
    assert (draft.digest, draft.source) == ("b" * 64, source)
    known = request(client="c1", signed_in_at=None)
    assert request_draft(known, "b" * 64).source == {"channel": "http", "client": "c1"}
