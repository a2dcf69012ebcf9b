"""INVARIANT 1: no warrant, no change. A warrant is minted in one place, for one change, once."""

import ast
import copy
import json
import pickle
from pathlib import Path

import pytest

from agent.authorize import LIFETIME, Warrant, WarrantError, mint
from agent.domain import Authority, AuthorityMode
from agent.values import PersonId, TenantId
from policy.decide import Decision
from tests.laws.conftest import PERMIT, Lab, intent_of

AGENT = Path(__file__).resolve().parents[2] / "agent"
DIGEST = "d" * 64
ME = PersonId("3bada4c5-93a8-4b0d-99b6-a4464402b985")
SOMEBODY = PersonId("9421c3e1-72f2-4007-8348-6eb9345674c5")


def minted(
    lab: Lab,
    decision: Decision = PERMIT,
    owed: tuple[str, ...] = (),
    recorded: str = DIGEST,
    phase: str = "intent",
) -> Warrant:
    record = intent_of(recorded)
    record.body["phase"] = phase
    return mint(
        decision,
        tenant=lab.id,
        authority=Authority(mode=AuthorityMode.REQUESTER, person=ME, why="a test"),
        digest=DIGEST,
        owed=owed,
        intent=record,
        now=lab.clock.now(),
    )


def _calls(name: str) -> list[str]:
    """The files below agent/ that call `name(...)`."""
    found = []
    for file in AGENT.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                called = node.func
                said = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
                if said == name:
                    found.append(str(file.relative_to(AGENT)))
    return found


def test_a_warrant_is_made_in_one_function_only() -> None:
    assert _calls("Warrant") == ["authorize.py"]


def test_a_warrant_is_minted_in_one_stage_only_right_before_the_act() -> None:
    assert _calls("mint") == ["execute.py"]
    source = (AGENT / "execute.py").read_text("utf-8")
    between = source.split("warrant = mint(")[1].split("action.apply(m365, warrant)")[0]
    assert "await" not in between.split(")\n")[-1].replace("trace = await ", "")


def test_nothing_writes_to_graph_without_spending_a_warrant() -> None:
    source = (AGENT / "adapters" / "graph.py").read_text("utf-8")
    tree = ast.parse(source)
    writers = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef)
        and any(
            isinstance(c, ast.Call) and getattr(c.func, "attr", "") == "send"
            for c in ast.walk(node)
        )
    ]
    assert {w.name for w in writers} == {"write", "_get"}
    write = next(w for w in writers if w.name == "write")
    first = next(n for n in write.body if isinstance(n, ast.Expr) and isinstance(n.value, ast.Call))
    assert getattr(first.value.func, "attr", "") == "spend"  # type: ignore[attr-defined]


def test_nobody_can_make_one_by_hand(lab: Lab) -> None:
    with pytest.raises(WarrantError):
        Warrant(
            object(),
            tenant=lab.id,
            person=ME,
            digest=DIGEST,
            snapshot="s",
            intent="i",
            expires_at=lab.clock.now(),
        )


def test_a_warrant_works_once(lab: Lab) -> None:
    warrant = minted(lab)
    warrant.covers(DIGEST)
    warrant.spend(lab.id, ME, lab.clock.now())
    with pytest.raises(WarrantError, match="used before"):
        warrant.spend(lab.id, ME, lab.clock.now())


@pytest.mark.parametrize(
    ("tenant", "person"),
    [("6db7519f-2e4a-4986-bc48-7aa34a22e613", ME), (None, SOMEBODY)],
    ids=["another tenant", "another person"],
)
def test_a_warrant_is_bound(lab: Lab, tenant: str | None, person: PersonId) -> None:
    with pytest.raises(WarrantError, match="another"):
        minted(lab).spend(TenantId(tenant) if tenant else lab.id, person, lab.clock.now())


def test_a_warrant_ends_after_a_minute(lab: Lab) -> None:
    with pytest.raises(WarrantError, match="expired"):
        minted(lab).spend(lab.id, ME, lab.clock.now() + LIFETIME)


@pytest.mark.parametrize(
    "broken",
    [
        {"decision": PERMIT.model_copy(update={"effect": "deny"})},
        {"decision": PERMIT.model_copy(update={"snapshot": None})},
        {"owed": ("approval by resource_owner",)},
        {"recorded": "e" * 64},
        {"phase": "outcome"},
    ],
    ids=["a deny", "no snapshot", "an owed approval", "the intent of another change", "no intent"],
)
def test_a_warrant_is_not_minted_from(lab: Lab, broken: dict[str, object]) -> None:
    with pytest.raises(WarrantError):
        minted(lab, **broken)  # type: ignore[arg-type]


def test_a_warrant_cannot_leave_the_process(lab: Lab) -> None:
    warrant = minted(lab)
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            leave(warrant)
    with pytest.raises(TypeError):
        json.dumps(warrant)
