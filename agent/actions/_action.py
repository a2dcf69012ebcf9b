"""What it is to be an action: its parameters and five small methods.

An action knows nothing of policy, audit, retries or Durable: `agent.execute` owns those for all.
"""

from abc import abstractmethod
from typing import ClassVar, Generic, TypeVar, final

from pydantic import JsonValue

from agent.authorize import Needs, Warrant
from agent.domain import ActionSpec
from agent.ports import M365
from agent.receipts import GraphTrace
from agent.values import Frozen, GroupId, PersonId

Seen = TypeVar("Seen", bound=JsonValue)


class Irreversible(Frozen):
    """Why an action has no undo."""

    reason: str


class Action(Frozen, Generic[Seen]):
    """One kind of change. `observe` is the whole truth: before, after and undo all come from it."""

    name: ClassVar[str]
    family: ClassVar[str]
    risk: ClassVar[int]  # 0 harmless, 1 ordinary, 2 sensitive, 3 dangerous
    reversible: ClassVar[bool]
    effects: ClassVar[tuple[str, ...]]  # what kind of power it moves, in the words of policy.facts
    needs: ClassVar[Needs]

    @property
    def spec(self) -> ActionSpec:
        """Return the action as data."""
        return ActionSpec(name=self.name, arguments=self.model_dump(mode="json"))

    @property
    def digest(self) -> str:
        """Name this exact change: what an approval is given and a warrant minted for."""
        return self.spec.digest

    @property
    @abstractmethod
    def target(self) -> GroupId:
        """The one thing this changes."""

    @property
    @abstractmethod
    def subject(self) -> PersonId:
        """The person whose access or account this is about."""

    @abstractmethod
    def licences(self, carried: int | None) -> int | None:
        """Return how many licences this takes or frees at most; None where nobody knows.

        `carried` is how many its target hands to every member, None where that was not read.
        """

    @abstractmethod
    async def observe(self, m365: M365) -> Seen:
        """Read the state this action is about; change nothing."""

    @abstractmethod
    def holds(self, seen: Seen) -> bool:
        """Whether what was seen is what this action is for."""

    @abstractmethod
    def undo(self, before: Seen) -> "Action[Seen] | Irreversible | None":
        """Return the change that restores `before`, None where nothing needs undoing."""

    @abstractmethod
    def describe(self, subject: str, target: str) -> str:
        """Say in one line what this does, given how subject and target are shown to people."""

    @abstractmethod
    def achieved(self, who_is: str, target: str) -> str:
        """Say in one sentence what is so once it is done; `who_is` is `You are` or `Ann is`."""

    @abstractmethod
    async def _change(self, m365: M365, warrant: Warrant) -> GraphTrace:
        """Send the change. Sending it twice is the same as sending it once."""

    @final
    async def apply(self, m365: M365, warrant: Warrant) -> GraphTrace:
        """Make the change, if the warrant is for exactly this change."""
        # INVARIANT: no warrant, no change (tests/laws/test_actions.py)
        warrant.covers(self.digest)
        return await self._change(m365, warrant)
