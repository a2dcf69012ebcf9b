"""The desk behind `python3 -m agent audit ...`, where it reaches a tenant.

Puts together, for one command: the tenant from the registry, the person's validated sign-in, the
tenant's trail, checkpoints and signing key under the app's own identity for that tenant.

Rules
- every failure leaves as an AuditRefused: a code and a sentence, never a token or a row.

Never here: how people sign in (`agent.sign_in`), who may read what (`agent.auditing`).
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from agent.adapters.vault import pem_of
from agent.audit.checkpoint import Checkpoint, CheckpointRefused
from agent.audit.export.evidence import Evidence, Signature
from agent.audit.verify import Verdict
from agent.auditing import Auditing, Auditor, Form, Wanted
from agent.errors import Fault, NotAuthenticated
from agent.settings import SettingsError
from agent.sign_in import run, signed_in
from agent.spool import AuditRefused
from agent.values import TenantId
from agent.wiring import Deployment

T = TypeVar("T")


class AuditDesk:
    """The desk of one tenant, for the person or the job that runs this command."""

    def __init__(self, tenant: str, token_file: str | None = None) -> None:
        self._tenant, self._token_file = TenantId(tenant.lower()), token_file

    def verify(self, trusted: Sequence[bytes], witness: Iterable[bytes]) -> Verdict:
        """Judge the trail as it lies in the tables; who may run this process may ask."""
        return self._run(lambda desk: desk.verify(trusted, witness))

    def checkpoint(self, *, early: bool) -> list[Checkpoint]:
        """Sign what is due, or all there is."""
        return self._run(lambda desk: desk.checkpoint(early=early))

    def export(self, form: Form, wanted: Wanted) -> Iterator[bytes]:
        """Take records away."""
        return self._signed_in(lambda desk, by: desk.export(by, form, wanted))

    def evidence(self, request: str) -> tuple[Evidence, Signature]:
        """Take a request's evidence away, signed."""
        return self._signed_in(lambda desk, by: desk.evidence(by, request))

    def explain(self, request: str) -> Evidence:
        """Read a request's story."""
        return self._signed_in(lambda desk, by: desk.explain(by, request))

    def _signed_in(self, act: Callable[[Auditing, Auditor], Awaitable[T]]) -> T:
        async def acted(deployment: Deployment) -> T:
            person = await signed_in(deployment, self._tenant, self._token_file)
            return await act(await self._desk(deployment), person)

        return _told(acted)

    def _run(self, act: Callable[[Auditing], Awaitable[T]]) -> T:
        async def acted(deployment: Deployment) -> T:
            return await act(await self._desk(deployment))

        return _told(acted)

    async def _desk(self, deployment: Deployment) -> Auditing:
        signing = await deployment.checkpointing(self._tenant)
        registered = await deployment.registry().find(self._tenant)
        if registered is None:
            raise AuditRefused("unknown_tenant", f"tenant {self._tenant} is not on the registry")
        return Auditing(signing, pem_of(registered.audit_key))


def _told(act: Callable[[Deployment], Awaitable[T]]) -> T:
    try:
        return run(act)
    except (Fault, NotAuthenticated, CheckpointRefused) as fault:
        raise AuditRefused(fault.code, fault.sentence) from None
    except SettingsError as wrong:
        raise AuditRefused("settings", str(wrong)) from None
