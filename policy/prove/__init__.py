"""What rules can never do: shown over all requests there can be, not over those one thought of.

invariants  what must hold of every policy, as data: a name, a sentence, a class of requests
symbols     one symbol for each fact, its doubt, and each word that a condition looks for
demands     obligations taken apart, so that two can be compared
timeline    real moments: when some hours are open and some rules alive, all at once
encode      rules as formulas over these symbols: permitted, and each demand
solution    the request that a solution of the solver stands for
search      a request that makes a formula true, or the proof that there is none
proof       every invariant held against a rule set; what fails, with a request that shows it
changes     every kind of request that two rule sets decide differently

The solver (z3) is needed here alone, by the checks and by whoever publishes; nothing that decides
a request loads it. A solver is not believed: every request it finds is asked of the decision
point, and one that is not confirmed is a fault of this package and is said to be one.
"""


class ProverMissing(RuntimeError):  # noqa: N818 - named in the public interface
    """The solver is not installed here."""

    def __init__(self) -> None:
        super().__init__(
            "expected the solver `z3`, saw none: install z3-solver as requirements-dev.txt pins it"
        )


class Undecided(RuntimeError):  # noqa: N818 - a refusal to claim, like SnapshotRefused
    """The solver gave up, so nothing is claimed either way."""


class NotConfirmed(RuntimeError):  # noqa: N818 - as above
    """The solver found a request of which the decision point says otherwise: a fault in here."""
