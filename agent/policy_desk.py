"""The desk behind `python3 -m policy publish | rollback | show | simulate --tenant`.

Puts together, for one command: the tenant from the registry, the person's validated sign-in, the
checks that ship, the tenant's stores under its publishing identity.

Rules
- every failure leaves as a PublishRefused: a code and a sentence, never a token or a row.

Never here: how people sign in (`agent.sign_in`), what may be published (`agent.publish`,
`policy.publishing`).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from agent.errors import Fault, NotAuthenticated
from agent.publish import Publishing, open_past, open_stores
from agent.settings import SettingsError
from agent.sign_in import run, signed_in
from agent.values import TenantId
from agent.wiring import Deployment
from policy.desk import Reviewed, Shown
from policy.pack import PlacedRule
from policy.proposal import PublishRefused
from policy.publishing import Person, shipped_checks
from policy.simulate import Simulation
from policy.snapshot import Head

T = TypeVar("T")
Act = Callable[[Publishing, Person], Awaitable[T]]


class TenantDesk:
    """The desk of one tenant, for the person who runs this command."""

    def __init__(self, tenant: str, token_file: str | None) -> None:
        self._tenant, self._token_file = TenantId(tenant.lower()), token_file

    def propose(
        self, candidate: Sequence[PlacedRule], parameters: Mapping[str, str], days: int
    ) -> Reviewed:
        """Examine rules and keep them as a proposal; the limits must be among them, so filled."""
        return self._signed_in(lambda desk, by: desk.propose(by, candidate, parameters, days))

    def roll_back(self, seq: int, parameters: Mapping[str, str], days: int) -> Reviewed:
        """Propose the rules of an earlier head."""
        return self._signed_in(lambda desk, by: desk.roll_back(by, seq, parameters, days))

    def review(self, diff: str) -> Reviewed:
        """Compute what a proposal would do now."""
        return self._signed_in(lambda desk, by: desk.review(by, diff))

    def approve(self, diff: str) -> Head:
        """Make somebody else's proposal count."""
        return self._signed_in(lambda desk, by: desk.approve(by, diff))

    def renew(self) -> Head:
        """Sign the rules that count again."""
        return self._signed_in(lambda desk, by: desk.renew(by))

    def simulate(self, candidate: Sequence[PlacedRule], days: int) -> Simulation:
        """Replay past decisions under other rules."""
        return self._signed_in(lambda desk, by: desk.simulated(by, candidate, days))

    def show(self) -> Shown:
        """Read the store; who may run this process may read it."""
        return self._run(lambda deployment: self._show(deployment))

    async def _show(self, deployment: Deployment) -> Shown:
        return await (await self._desk(deployment)).show()

    def _signed_in(self, act: Act[T]) -> T:
        async def acted(deployment: Deployment) -> T:
            person = await signed_in(deployment, self._tenant, self._token_file)
            return await act(await self._desk(deployment), person)

        return self._run(acted)

    def _run(self, act: Callable[[Deployment], Awaitable[T]]) -> T:
        try:
            return run(act)
        except (Fault, NotAuthenticated) as fault:
            raise PublishRefused(fault.code, fault.sentence) from None
        except SettingsError as wrong:
            raise PublishRefused("settings", str(wrong)) from None

    async def _desk(self, deployment: Deployment) -> Publishing:
        registered = await deployment.registry().find(self._tenant)
        if registered is None:
            raise PublishRefused("unknown_tenant", f"tenant {self._tenant} is not on the registry")
        stores = open_stores(deployment, registered)
        past = open_past(deployment, registered)
        return Publishing(self._tenant, stores, shipped_checks(), deployment.clock, past)
