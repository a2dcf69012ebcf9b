"""What can go wrong, drawn once.

    Fault                         the world or our own stores did not do what was asked
    |- Transient(delay)           worth another try after `delay`; nothing was changed
    |- Permanent                  another try will not help; nothing was changed
    |  |- SignInNeeded            the person must sign in (again); never a cause for another token
    |  `- StoreUnusable           policy, audit, key or request store cannot be trusted: stop
    `- UnknownOutcome             sent, no answer: the only legal next move is to observe

A refusal is not a fault: it is a value (`agent.domain.Refusal`) that a person can read. Nor is it
a fault when a caller is not let in (`NotAuthenticated`).
Fault messages are for logs and admins; they carry ids and codes, never names, tokens or secrets.
"""

from datetime import timedelta
from typing import Literal


class Fault(Exception):  # noqa: N818 - the field's words; the tree above is the vocabulary
    """The world did not do what was asked; `code` is a stable word, the message a sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence


class Transient(Fault):
    """Worth another try after `delay`; nothing was changed."""

    def __init__(self, code: str, sentence: str, delay: timedelta = timedelta(seconds=2)) -> None:
        super().__init__(code, sentence)
        self.delay = delay


class Permanent(Fault):
    """Another try will not help; nothing was changed."""


class SignInNeeded(Permanent):
    """The named person has to sign in again before their token can be had."""


class StoreUnusable(Permanent):
    """A store that safety rests on (policy, audit, keys, requests) cannot be read or written."""


class UnknownOutcome(Fault):
    """A change was sent and no answer came: look at the world before doing anything else."""


class NotAuthenticated(Exception):  # noqa: N818 - nothing went wrong: a caller was not let in
    """A caller showed no token that lets them in; `status` is 401 or 403, never a fault of ours."""

    def __init__(self, code: str, sentence: str, status: Literal[401, 403] = 401) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code, self.sentence, self.status = code, sentence, status
