"""The desk behind `python3 -m policy publish | rollback | show | simulate --tenant`.

Puts together, for one command: the settings of this process, the tenant from the registry, the
person's validated sign-in, the checks that ship, the tenant's stores under its publishing identity.

Rules
- the person signs in with Entra: by a token in a file that is theirs alone, or by a device code;
  the token is validated by the same door as the API's, and is kept nowhere;
- every failure leaves as a PublishRefused: a code and a sentence, never a token or a row.

Never here: what may be published (`agent.publish`, `policy.publishing`).
"""

import asyncio
import os
import stat
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from agent.adapters.entra_inbound import LONGEST_TOKEN, SCOPE
from agent.errors import Fault, NotAuthenticated
from agent.publish import Publishing, open_past, open_stores
from agent.settings import Settings, SettingsError
from agent.values import TenantId
from agent.wiring import Deployment, quiet
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
            token = await self._token(deployment.settings)
            person = await deployment.door.validate(f"Bearer {token}")
            return await act(await self._desk(deployment), person)

        return self._run(acted)

    def _run(self, act: Callable[[Deployment], Awaitable[T]]) -> T:
        async def opened() -> T:
            deployment = Deployment(Settings.of(os.environ))  # noqa: TID251 - as boot does
            try:
                return await act(deployment)
            finally:
                await deployment.close()

        quiet()
        try:
            return asyncio.run(opened())
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

    async def _token(self, settings: Settings) -> str:
        if self._token_file is not None:
            return read_token(self._token_file)
        # In a thread: the SDK has this sign-in for synchronous callers only.
        return await asyncio.to_thread(sign_in, settings, self._tenant)


def sign_in(settings: Settings, tenant: str) -> str:
    """Return a token of whoever enters the code that this prints; PublishRefused if nobody does."""
    from azure.core.exceptions import AzureError
    from azure.identity import DeviceCodeCredential

    def ask(address: str, code: str, _: datetime) -> None:
        sys.stderr.write(f"Sign in at {address} with the code {code}\n")
        sys.stderr.flush()

    with DeviceCodeCredential(
        settings.api_client_id,
        tenant_id=tenant,
        authority=settings.azure_authority_host,
        disable_instance_discovery=True,  # the authority is this deployment's setting
        prompt_callback=ask,
    ) as signing:
        try:
            return signing.get_token(f"api://{settings.api_client_id}/{SCOPE}").token
        except AzureError as fault:
            seen = type(fault).__name__  # its text may quote what was sent
            raise PublishRefused("no_sign_in", f"expected a sign-in, saw {seen}") from None


def read_token(source: str) -> str:
    """Return the token in a file, `-` for standard input; PublishRefused if others can read it."""
    if source == "-":
        return sys.stdin.read(LONGEST_TOKEN + 1).strip()
    try:
        with Path(source).open(encoding="ascii") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            if stat.S_IMODE(mode) & 0o077:
                sentence = f"expected a token file for its owner alone, saw {stat.filemode(mode)}"
                raise PublishRefused("token_file", f"{sentence}: chmod 600")
            return opened.read(LONGEST_TOKEN + 1).strip()
    except (OSError, UnicodeDecodeError) as fault:
        seen = type(fault).__name__
        raise PublishRefused("token_file", f"expected a file with a token, saw {seen}") from None
