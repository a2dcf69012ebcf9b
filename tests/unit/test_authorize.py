"""Whose hands: the least-privileged holder who suffices, and nobody's by another's yes."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.actions import AddGroupMember
from agent.authorize import Hands, choose
from agent.domain import Authority, Refusal, Sponsorship
from tests.unit.values import FREYA, NADIA, NOW, OLGA, SAM, classes, step, vote

STEP = step()
FINANCE_CLASS = classes()[STEP.target.id]


def lent(**changes: Any) -> Sponsorship:
    said = {
        "id": "access-changes",
        "sponsor": NADIA,
        "actions": frozenset({"group.member.add"}),
        "lookups": frozenset(),
        "target_tags": frozenset({"finance"}),
        "expires_at": NOW + timedelta(days=1),
    }
    return Sponsorship.model_validate(said | changes)


def hands(**changes: Any) -> Hands:
    said = {
        "action": "group.member.add",
        "needs": AddGroupMember.needs,
        "requester": FREYA,
        "requester_roles": frozenset(),
        "owners": frozenset({OLGA}),
        "target": FINANCE_CLASS,
        "approved_by": (),
        "approval_owed": False,
        "sponsorships": (),
    }
    return Hands.model_validate(said | changes)


def chosen(**changes: Any) -> Authority:
    made = choose(hands(**changes))
    assert isinstance(made, Authority), made
    return made


def nobody(**changes: Any) -> Refusal:
    made = choose(hands(**changes))
    assert isinstance(made, Refusal), made
    return made


EVERYBODY = {
    "owners": frozenset({FREYA, OLGA}),
    "approved_by": (vote(STEP, OLGA),),
    "sponsorships": (lent(),),
}


def test_the_requester_comes_first_where_they_own_the_target() -> None:
    made = chosen(**EVERYBODY)
    assert (made.mode, made.person, made.why) == ("requester", FREYA, "owns the target")


def test_a_role_suffices_as_well_as_ownership() -> None:
    made = chosen(requester_roles=frozenset({"Groups Administrator", "Reports Reader"}))
    assert (made.mode, made.why) == ("requester", "holds the role Groups Administrator")


@pytest.mark.parametrize(
    "role", ["Reports Reader", "Helpdesk Administrator", "groups administrator", ""]
)
def test_a_role_that_does_not_suffice_is_none(role: str) -> None:
    assert nobody(requester_roles=frozenset({role})).code == "no_authority"


def test_the_approver_comes_before_the_sponsor() -> None:
    made = chosen(approved_by=(vote(STEP, OLGA),), sponsorships=(lent(),))
    assert (made.mode, made.person) == ("approver", OLGA)


def test_an_approver_who_does_not_own_the_target_lends_no_right() -> None:
    assert nobody(approved_by=(vote(STEP, SAM),), approval_owed=True).code == "no_authority"


def test_of_two_approvers_the_one_who_could_do_it_acts() -> None:
    made = chosen(approved_by=(vote(STEP, SAM), vote(STEP, OLGA)), approval_owed=True)
    assert made.person == OLGA


def test_a_sponsor_acts_only_where_policy_permits_outright() -> None:
    made = chosen(sponsorships=(lent(),))
    assert (made.mode, made.person, made.sponsorship) == ("sponsor", NADIA, "access-changes")
    # INVARIANT 4: nobody's yes lends a right that the one who says it does not have
    assert nobody(sponsorships=(lent(),), approval_owed=True).code == "no_authority"
    approved = (vote(STEP, SAM),)
    refusal = nobody(sponsorships=(lent(),), approval_owed=True, approved_by=approved)
    assert refusal.code == "no_authority"


@pytest.mark.parametrize(
    "narrower",
    [
        {"actions": frozenset({"group.member.remove"})},
        {"actions": frozenset()},
        {"target_tags": frozenset({"sales"})},
        {"target_tags": frozenset()},  # no tags cover nothing, not everything
        {"sponsor": FREYA},  # nobody sponsors themselves
    ],
)
def test_a_sponsorship_covers_what_it_names_and_nothing_else(narrower: dict[str, Any]) -> None:
    assert nobody(sponsorships=(lent(**narrower),)).code == "no_authority"


def test_the_first_sponsorship_that_covers_is_taken() -> None:
    other = lent(id="other", target_tags=frozenset({"sales"}))
    assert chosen(sponsorships=(other, lent())).sponsorship == "access-changes"


def test_nobody_is_said_with_what_would_suffice() -> None:
    refusal = nobody(owners=frozenset())
    assert "handed it to a person" in refusal.for_user
    assert "Groups Administrator" in refusal.for_admin


def test_a_sponsorship_stands_until_its_end_or_its_revocation() -> None:
    one = lent()
    assert one.stands(NOW)
    assert not one.stands(one.expires_at)
    assert not lent(revoked_at=NOW).stands(NOW)


tags = st.frozensets(st.sampled_from(["finance", "sales", "hr"]), max_size=2)
people = st.sampled_from([FREYA, OLGA, SAM, NADIA])


@given(
    owners=st.frozensets(people, max_size=2),
    roles=st.frozensets(st.sampled_from(["Groups Administrator", "Reports Reader"]), max_size=2),
    approvers=st.lists(people, max_size=2),
    owed=st.booleans(),
    lends=st.lists(st.builds(lent, sponsor=people, target_tags=tags), max_size=2),
)
def test_whoever_is_chosen_holds_the_right_themselves_or_lent_exactly_this(
    owners: frozenset[str],
    roles: frozenset[str],
    approvers: list[str],
    owed: bool,
    lends: list[Sponsorship],
) -> None:
    votes = tuple(vote(STEP, who) for who in approvers)  # type: ignore[arg-type]
    made = choose(
        hands(
            owners=owners,
            requester_roles=roles,
            approved_by=votes,
            approval_owed=owed,
            sponsorships=tuple(lends),
        )
    )
    if isinstance(made, Refusal):
        assert FREYA not in owners
        assert not owners.intersection(approvers)
        return
    match made.mode:
        case "requester":
            assert made.person == FREYA
            assert FREYA in owners or "Groups Administrator" in roles
        case "approver":
            assert made.person in approvers
            assert made.person in owners
        case "sponsor":
            assert not owed
            named = next(
                s for s in lends if s.sponsor == made.person and "finance" in s.target_tags
            )
            assert named.sponsor != FREYA
