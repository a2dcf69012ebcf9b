"""What the commands need of a tenant's policy store: a desk, opened by whoever runs the command.

Answers  what is said at the desk: what counts, what waits, what was seen, what counts from now on.
Never    opens one: `policy/__main__.py` puts desk and commands together, tests bring their own.
Rules    - a desk refuses by PublishRefused alone; it never half-does a thing.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from policy.pack import PlacedRule
from policy.proposal import Proposal
from policy.publishing import DiffReport
from policy.rule import Record, Rule
from policy.simulate import Simulation
from policy.snapshot import Head


class Reviewed(Record):
    """A proposal, and what it would do as it was computed just now."""

    proposal: Proposal
    diff: DiffReport
    simulation: Simulation


class Shown(Record):
    """What a policy store holds at this moment."""

    head: Head
    age_days: int
    stale_in_days: int
    rules: tuple[Rule, ...]
    waiting: tuple[Proposal, ...]
    past: tuple[Head, ...]


class Desk(Protocol):
    """The desk of one tenant; whoever stands at it is known by their sign-in."""

    def propose(
        self, candidate: Sequence[PlacedRule], parameters: Mapping[str, str], days: int
    ) -> Reviewed:
        """Examine rules and keep them as a proposal; the limits must be among them, so filled."""

    def roll_back(self, seq: int, parameters: Mapping[str, str], days: int) -> Reviewed:
        """Propose the rules of an earlier head."""

    def review(self, diff: str) -> Reviewed:
        """Compute what a proposal would do now."""

    def approve(self, diff: str) -> Head:
        """Make somebody else's proposal count."""

    def renew(self) -> Head:
        """Sign the rules that count again."""

    def simulate(self, candidate: Sequence[PlacedRule], days: int) -> Simulation:
        """Replay past decisions under other rules."""

    def show(self) -> Shown:
        """Read the store."""


OpenDesk = Callable[[str, str | None], Desk]
"""(tenant id, a file with the person's token, or None to sign in) -> their desk."""
