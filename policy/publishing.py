"""What must be true before rules become the policy of a tenant, and who may say so.

Answers  whether rules may be proposed, whether a proposal may be approved, and by whom.
Never    signs, stores, reads a clock or validates a token: the caller brings what it believes.
Rules    - lint is clean, the examples hold, the proofs hold, the publisher's limits are whole.
         - whoever approves is another person with the same role, told apart by object id.
         - at approval everything is computed again; what came out differently is proposed anew.
         - without a prover nothing is published: what cannot be checked is not true.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from policy.decide import RuleSet, SnapshotRef
from policy.facts import fold
from policy.lint import lint
from policy.pack import PlacedRule, limits
from policy.proposal import Proposal, PublishRefused
from policy.rule import Record, Rule
from policy.simulate import PastDecision, Simulation, simulate
from policy.snapshot import Body, Digest, Head, canonical, write_body

ROLE = "Warrant.Admin"
"""The app role, in the token of whoever proposes or approves."""

ONBOARDING = "onboarding"
"""Who approved the very first policy of a tenant: nobody else was there yet."""


class Person(Protocol):
    """Somebody whose token was validated."""

    @property
    def tenant(self) -> str:
        """The organisation that signed them in."""

    @property
    def person(self) -> str:
        """Their object id."""

    @property
    def app_roles(self) -> frozenset[str]:
        """What they were assigned in this application."""

    @property
    def guest(self) -> bool:
        """Whether their account is of another organisation."""


class DiffReport(Record):
    """What becomes possible, impossible, or more or less demanding; `hash` names all of it."""

    hash: Digest
    sentences: tuple[str, ...]


Compare = Callable[[Sequence[Rule], Sequence[Rule]], DiffReport]
"""(rules that count, rules that would) -> the diff. PublishRefused where it cannot be shown."""

Prove = Callable[[Sequence[Rule]], Sequence[str]]
"""rules -> a sentence for each invariant that does not hold. PublishRefused as above."""


Limits = Callable[[Mapping[str, str]], tuple[Rule, ...]]
"""What an organisation fills in -> the publisher's limits, so filled."""


@dataclass(frozen=True, slots=True)
class Checks:
    """What rules are held to besides lint."""

    limits: Limits
    compare: Compare
    prove: Prove


@dataclass(frozen=True, slots=True)
class Past:
    """Past decisions from a time on, and the rules that made them."""

    since: datetime
    decisions: Sequence[PastDecision]
    deciders: Mapping[SnapshotRef | None, RuleSet]


@dataclass(frozen=True, slots=True)
class Examined:
    """A rule set that passed every check, with what it would change."""

    body: Body
    diff: DiffReport
    simulation: Simulation


def admit(person: Person, tenant: str) -> str:
    """Give the object id of somebody who may propose and approve; raises PublishRefused."""
    if person.tenant.lower() != tenant.lower():
        raise PublishRefused("wrong_tenant", "expected a sign-in of this organisation, saw another")
    if person.guest:
        # One human with two accounts would be two persons.
        raise PublishRefused("guest", "expected a member of this organisation, saw a guest")
    if ROLE not in person.app_roles:
        raise PublishRefused("not_admin", f"expected the app role `{ROLE}`, saw a token without it")
    return person.person.lower()


def with_limits(rules: Sequence[Rule], limits: Sequence[Rule]) -> tuple[Rule, ...]:
    """Return rules together with the publisher's hard limits, which no tenant can leave out.

    Raises ValueError when a rule takes the name of a limit.
    """
    taken = {limit.id for limit in limits} & {rule.id for rule in rules if rule not in limits}
    if taken:
        names = ", ".join(sorted(taken))
        raise ValueError(f"expected names other than the publisher's, saw {names}")
    return (*limits, *(rule for rule in rules if rule not in limits))


def restored(old: Sequence[Rule], limits: Sequence[Rule]) -> tuple[Rule, ...]:
    """Return the rules of an old snapshot under today's limits: going back never loosens these."""
    names = {limit.id for limit in limits}
    return (*limits, *(rule for rule in old if rule.id not in names))


def examine(
    candidate: Sequence[PlacedRule],
    current: Sequence[Rule],
    limits: Sequence[Rule],
    checks: Checks,
    past: Past,
) -> Examined:
    """Hold rules to everything a policy must be; raises PublishRefused with all problems."""
    rules = tuple(one.rule for one in candidate)
    if problems := [str(problem) for problem in lint(candidate)]:
        raise PublishRefused("lint", f"expected no problem, saw {len(problems)}", problems)
    if missing := sorted(limit.id for limit in limits if limit not in rules):
        names = ", ".join(missing)
        raise PublishRefused("limits", f"expected the publisher's limits unchanged, saw no {names}")
    body = write_body(rules)
    if body.id == write_body(current).id:
        raise PublishRefused("unchanged", "expected other rules, saw those that count: use --renew")
    failed = tuple(checks.prove(rules))
    if failed:
        raise PublishRefused("proof", f"expected every proof to hold, saw {len(failed)}", failed)
    diff = checks.compare(current, rules)
    shown = simulate(past.decisions, RuleSet.of(rules), RuleSet.of(current), past.deciders)
    return Examined(body, diff, shown)


def propose(
    examined: Examined,
    past: Past,
    head: Head,
    author: str,
    now: datetime,
    parameters: Mapping[str, str],
    restores: int | None = None,
) -> Proposal:
    """Give the proposal of rules that were examined; it has no signature yet."""
    return Proposal(
        kid=head.kid,
        snapshot_id=examined.body.id,
        sha256=examined.body.sha256,
        base=head.snapshot_id,
        base_seq=head.seq,
        diff=examined.diff.hash,
        simulation=examined.simulation.digest,
        since=past.since,
        parameters=canonical(dict(parameters)).decode(),
        author=author,
        proposed_at=now,
        restores=restores,
    )


def approve(proposal: Proposal, examined: Examined, approver: str) -> None:
    """Let a second person approve what the first one proposed, or raise PublishRefused."""
    if fold(approver) == fold(proposal.author):
        raise PublishRefused("same_person", "expected another person than the author, saw the same")
    seen = {
        "rules": (proposal.snapshot_id, examined.body.id),
        "diff": (proposal.diff, examined.diff.hash),
        "simulation": (proposal.simulation, examined.simulation.digest),
    }
    if moved := [name for name, (then, now) in seen.items() if then != now]:
        raise PublishRefused(
            "not_what_was_seen",
            f"expected what was proposed, saw another {' and '.join(moved)}: propose it again",
        )


def placed(rules: Sequence[Rule], where: str) -> Iterator[PlacedRule]:
    """Give rules of a stored body places, so that a problem can name one."""
    return (PlacedRule(rule, where, number) for number, rule in enumerate(rules, start=1))


def shipped_checks() -> Checks:
    """Give the checks that ship: the publisher's limits, and diff and proofs by the solver."""
    return Checks(limits=limits, compare=_compared, prove=_broken)


def _compared(old: Sequence[Rule], new: Sequence[Rule]) -> DiffReport:
    from policy.diff import compare

    with _shown():
        found = compare(old, new)
    names = [
        f"rules {word}: {', '.join(changed)}"
        for word in ("added", "removed", "changed")
        if (changed := getattr(found, word))
    ]
    findings = [
        f"{one.change.replace('_', ' ')}: {one.action or 'any other action'}, for example "
        + json.dumps(one.query, ensure_ascii=False)
        for one in found.findings
    ]
    told = findings or ["no request is decided differently"]
    return DiffReport(hash=found.hash, sentences=(*names, *told))


def _broken(rules: Sequence[Rule]) -> Sequence[str]:
    with _shown():
        from policy.prove.proof import prove  # loads the solver

        proof = prove(rules)
    return [f"{one.name}: {one.sentence}" for one in proof.verdicts if not one.holds]


@contextmanager
def _shown() -> Iterator[None]:
    """Refuse where the solver is missing, gave up, or was wrong: nothing was shown then."""
    from policy.prove import NotConfirmed, ProverMissing, Undecided

    try:
        yield
    except (ProverMissing, ImportError) as absent:
        sentence = f"nothing is published unproved: install z3-solver ({absent})"
        raise PublishRefused("no_prover", sentence) from None
    except (Undecided, NotConfirmed) as unshown:
        raise PublishRefused(
            "not_shown", f"expected a proof or a counter-example: {unshown}"
        ) from None
