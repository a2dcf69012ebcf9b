"""The laws every lookup obeys. A new lookup is tested here by being listed in LOOKUPS."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.actions import ACTIONS
from agent.domain import ResourceName
from agent.errors import Fault
from agent.lookups import LOOKUPS, Lookup, Question
from agent.values import GroupId
from tests.laws.conftest import Lab

FINANCE = GroupId("549c08d2-25ab-4d56-b09a-36ff559bf277")
NOBODY = "00000000-0000-4000-8000-00000000dead"
# Delegated scopes that the demo organisations consented to; a lookup must need no others.
CONSENTED = {
    "User.Read",
    "User.Read.All",
    "GroupMember.Read.All",
    "GroupMember.ReadWrite.All",
    "Group.Read.All",
    "Sites.Read.All",
    "AuditLog.Read.All",
    "IdentityRiskyUser.Read.All",
    "RoleManagement.Read.Directory",
}


def asked(lab: Lab, name: str = "Finance") -> Question:
    return Question(
        person=lab.oid("freya.holm"), group=FINANCE, name=ResourceName(name=name, kind="site")
    )


def reader(kind: type[Lookup]) -> str:
    return "nadia.petrov" if kind.as_sponsor else "freya.holm"


@pytest.mark.parametrize("kind", LOOKUPS, ids=lambda kind: kind.name)
async def test_a_lookup_changes_nothing(lab: Lab, kind: type[Lookup]) -> None:
    before = lab.state()
    seen = await kind().ask(lab.graph(reader(kind)), asked(lab))
    assert lab.state() == before
    assert seen is not None


@pytest.mark.parametrize("kind", LOOKUPS, ids=lambda kind: kind.name)
async def test_only_a_sponsor_can_put_the_questions_that_say_so(
    lab: Lab, kind: type[Lookup]
) -> None:
    graph = lab.graph("freya.holm")
    if not kind.as_sponsor:
        assert await kind().ask(graph, asked(lab)) is not None
        return
    with pytest.raises(Fault, match="forbidden"):
        await kind().ask(graph, asked(lab))


@pytest.mark.parametrize("kind", LOOKUPS, ids=lambda kind: kind.name)
async def test_what_is_not_there_is_an_answer_and_never_a_crash(
    lab: Lab, kind: type[Lookup]
) -> None:
    strange = Question(
        person=lab.oid("freya.holm").__class__(NOBODY),
        group=GroupId(NOBODY),
        name=ResourceName(name="No Such Thing", kind="any"),
    )
    try:
        await kind().ask(lab.graph(reader(kind)), strange)
    except Fault as fault:
        assert fault.code == "not_found"


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(name=st.text(min_size=1, max_size=60))
async def test_no_name_a_person_can_type_leaves_its_literal(lab: Lab, name: str) -> None:
    resource = next(kind for kind in LOOKUPS if kind.name == "resource")
    before = lab.state()
    try:
        seen = await resource().ask(lab.graph("freya.holm"), asked(lab, name))
    except Fault as fault:
        assert fault.code in ("bad_text", "refused", "bad_query")
        return
    assert isinstance(seen, dict)
    folded = name.casefold()
    for group in seen["groups"]:  # type: ignore[union-attr]
        assert str(group["display"]).casefold().startswith(folded[:1].strip() or ""), (  # type: ignore[index,call-overload]
            "a name that is longer than a literal would match everything"
        )
    assert lab.state() == before


@pytest.mark.parametrize("kind", LOOKUPS, ids=lambda kind: kind.name)
def test_a_lookup_needs_only_what_was_consented(kind: type[Lookup]) -> None:
    assert kind.scopes
    assert kind.scopes <= CONSENTED


@pytest.mark.parametrize(
    ("assigned", "licences"), [([], 0), ([{"skuId": "a"}, {"skuId": "b"}], 2), (None, None)]
)
async def test_the_licences_a_group_hands_out_are_counted_or_unknown(
    lab: Lab, assigned: list[dict[str, str]] | None, licences: int | None
) -> None:
    kind = next(kind for kind in LOOKUPS if kind.name == "group")
    directory = lab.tenant.directory
    finance = {**directory.groups[FINANCE], "assignedLicenses": assigned}
    lab.tenant.plant(replace(directory, groups={**directory.groups, FINANCE: finance}))
    seen = await kind().ask(lab.graph("freya.holm"), asked(lab))
    assert isinstance(seen, dict)
    assert seen["licences"] == licences


def test_names_of_lookups_are_unique() -> None:
    names = [kind.name for kind in LOOKUPS]
    assert len(set(names)) == len(names)


async def test_a_long_past_costs_no_further_calls(lab: Lab) -> None:
    """The log of somebody who came and went two hundred times is still read once, newest first."""
    history = next(kind for kind in LOOKUPS if kind.name == "history")
    graph = lab.graph("nadia.petrov")
    for _ in range(100):
        for kind in ACTIONS:
            action = kind.model_validate({"user": lab.oid("freya.holm"), "group": FINANCE})
            await action.apply(graph, lab.unsafe_warrant_for(action, "nadia.petrov"))
    lab.cloud.move_clock(600)  # Entra's log lags
    last = max(call["seq"] for call in lab.cloud.journal.calls_since(0))
    seen = await history().ask(lab.graph("nadia.petrov"), asked(lab))
    assert len(lab.cloud.journal.calls_since(last)) == 1
    assert isinstance(seen, dict)
    changes = seen["changes"]
    assert isinstance(changes, list)
    times = [str(change["at"]) for change in changes if isinstance(change, dict)]
    assert len(times) == 5
    assert times == sorted(times, reverse=True)
