"""The composition root: settings, adapters, a tenant's ports. The only place that knows them all.

What the settings are stands in `agent.settings`.
"""

import logging
from typing import TYPE_CHECKING

from agent.actions import ACTIONS
from agent.adapters.approvals_table import ApprovalTable
from agent.adapters.audit_table import AuditTable
from agent.adapters.budget_table import BudgetTable
from agent.adapters.checkpoints_table import CheckpointTable
from agent.adapters.clock import SystemClock, UnsafeShiftedClock
from agent.adapters.entra import EntraSettings, ManagedIdentityProof
from agent.adapters.entra_exchange import Exchange
from agent.adapters.entra_inbound import EntraDoor
from agent.adapters.entra_tokens import EntraBroker
from agent.adapters.graph_wire import GraphWire
from agent.adapters.policies_table import PolicyTable
from agent.adapters.registry_table import Registration, RegistryTable
from agent.adapters.requests_table import RequestTable
from agent.adapters.sealing import DataKeys, EnvelopeSealing
from agent.adapters.sponsorships_table import SponsorshipTable
from agent.adapters.tables import REGISTRY_TABLE, Account, open_account
from agent.adapters.targets_table import TargetTable
from agent.adapters.token_cache import TokenCache
from agent.adapters.vault import Vault, verify_es256
from agent.adapters.watermarks_table import WatermarkTable
from agent.adapters.wire import Wire
from agent.audit.checkpoint import CheckpointRefused
from agent.checkpoints import Checkpointing
from agent.errors import Fault, Permanent, StoreUnusable
from agent.lookups import LOOKUPS
from agent.ports import Clock, Tenant
from agent.reconcile import SCOPES as RECONCILING
from agent.settings import Settings
from agent.values import PersonId, TenantId
from policy.snapshot import Verify

if TYPE_CHECKING:
    from azure.identity.aio import ManagedIdentityCredential

AUDIT_KEY = "audit-signing"
"""The name of the key in a tenant's vault that signs checkpoints and evidence, and nothing else."""

_log = logging.getLogger(__name__)
_GRAPH = "https://graph.microsoft.com/"


def graph_scopes() -> tuple[str, ...]:
    """Return the delegated scopes that actions, lookups and reconciling need, and no others."""
    needed = {s for a in ACTIONS for s in a.needs.scopes} | {s for k in LOOKUPS for s in k.scopes}
    return tuple(sorted(_GRAPH + s for s in needed | RECONCILING))


class Deployment:
    """One running app: connections and caches, and the tenants opened so far."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        clock_file = settings.unsafe_clock_file
        self.clock: Clock = UnsafeShiftedClock(clock_file) if clock_file else SystemClock()
        self._entra = EntraSettings(
            client_id=settings.api_client_id,
            authority=settings.azure_authority_host,
            graph_scopes=graph_scopes(),
        )
        self.wire = Wire()
        self._graph = GraphWire(
            settings.graph_base_url,
            self.wire,
            unsafe_http_loopback=settings.unsafe_graph_loopback,
        )
        self._tokens = TokenCache(self.clock)
        self._accounts: dict[tuple[str, str], Account] = {}
        self._tenants: dict[TenantId, tuple[Registration, Tenant]] = {}
        self._identities: dict[str, ManagedIdentityCredential] = {}
        self._registry: RegistryTable | None = None
        self.door = EntraDoor(self._entra, self.serves, self.wire, self.clock)

    async def ready(self) -> bool:
        """Whether the list of tenants can be read and somebody is on it. Raises StoreUnusable."""
        return any(registered.enabled for registered in await self.registry().every())

    async def serves(self, tenant: TenantId) -> bool:
        """Whether this tenant is on the registry and switched on."""
        return await self.registry().find(tenant) is not None

    async def for_tenant(self, tenant: TenantId) -> Tenant:
        """Return the handle of a tenant. Raises Permanent for one that is not on the registry."""
        registered = await self.registry().find(tenant)
        if registered is None:
            raise Permanent("unknown_tenant", f"tenant {tenant} is not on the registry")
        held = self._tenants.get(tenant)
        if held is None or held[0] != registered:
            held = (registered, self._open(tenant, registered))
            self._tenants[tenant] = held
        return held[1]

    async def checkpointing(self, tenant: TenantId) -> Checkpointing:
        """Return what signs a tenant's trail. Raises Permanent for one not on the registry."""
        handle = await self.for_tenant(tenant)
        registered, _ = self._tenants[tenant]
        account = self.account(registered.tables_endpoint, registered.identity)
        vault = self.vault(registered.vault_url, registered.identity)

        async def sign(message: bytes) -> tuple[str, bytes]:
            return await vault.sign(AUDIT_KEY, message)

        def verify(kid: str, message: bytes, signature: bytes) -> bool:
            is_pinned = kid == registered.audit_key["kid"]
            return is_pinned and verify_es256(registered.audit_key, message, signature)

        return Checkpointing(
            tenant=tenant,
            trail=handle.audit,
            kept=CheckpointTable(account.rows("AuditCheckpoints")),
            clock=self.clock,
            kid=registered.audit_key["kid"],
            sign=sign,
            verify=verify,
        )

    async def checkpoint_all(self) -> int:
        """Sign what is due of every tenant's trail; return how many checkpoints that made.

        A tenant that fails keeps no other one waiting. Raises StoreUnusable at the end when one
        did: a function that failed is what the host tells its operators of.
        """
        made, failed = 0, 0
        for registered in await self.registry().every():
            if not registered.enabled:
                continue
            try:
                signing = await self.checkpointing(TenantId(registered.id))
                made += len(await signing.issue())
            except (Fault, CheckpointRefused) as fault:
                _log.error("no checkpoint for tenant %s: %s", registered.id, fault)
                failed += 1
        if failed:
            raise StoreUnusable("no_checkpoint", f"expected every trail signed, saw {failed} fail")
        return made

    def registry(self) -> RegistryTable:
        """Return the list of tenants of this deployment."""
        if self._registry is None:
            own = self.account(self.settings.registry_endpoint, self.settings.azure_client_id)
            self._registry = RegistryTable(own.rows(REGISTRY_TABLE), self.clock)
        return self._registry

    def identity(self, client_id: str) -> "ManagedIdentityCredential":
        """Return one of the app's own identities: for its stores only, never Microsoft 365."""
        if client_id not in self._identities:
            from azure.identity.aio import ManagedIdentityCredential

            self._identities[client_id] = ManagedIdentityCredential(client_id=client_id)
        return self._identities[client_id]

    def account(self, endpoint: str, identity: str) -> Account:
        """Return a storage account, opened once, as the identity that may reach it."""
        if (endpoint, identity) not in self._accounts:
            key = self.settings.unsafe_storage_keys.get(endpoint.rstrip("/").rsplit("/", 1)[-1])
            credential = None if key else self.identity(identity)
            self._accounts[endpoint, identity] = open_account(endpoint, credential, key)
        return self._accounts[endpoint, identity]

    def vault(self, url: str, identity: str) -> Vault:
        """Return a tenant's vault, as the identity that may reach it."""
        return Vault(url, self.identity(identity), self.wire)

    def _open(self, tenant: TenantId, registered: Registration) -> Tenant:
        account = self.account(registered.tables_endpoint, registered.identity)
        vault, clock = self.vault(registered.vault_url, registered.identity), self.clock
        sealing = EnvelopeSealing(tenant, DataKeys(vault, clock))
        proof = ManagedIdentityProof(self.identity(registered.identity))
        exchange = Exchange(tenant, self._entra, proof, self.wire)
        return Tenant(
            id=tenant,
            service_desk=PersonId(registered.service_desk),
            clock=clock,
            tokens=EntraBroker(exchange, vault, self._graph, self._tokens, clock),
            audit=AuditTable(
                account.rows("Audit"), account.rows("AuditIndex"), account.rows("AuditInbox")
            ),
            policies=PolicyTable(
                account.rows("PolicyHeads"),
                account.rows("PolicySnapshots"),
                clock,
                pinned(registered),
            ),
            requests=RequestTable(account.rows("Requests"), sealing),
            approvals=ApprovalTable(account.rows("Approvals"), sealing, clock),
            sponsorships=SponsorshipTable(account.rows("Sponsorships"), sealing, clock),
            targets=TargetTable(account.rows("Targets")),
            budget=BudgetTable(account.rows("Budget"), clock),
            watermarks=WatermarkTable(account.rows("Watermarks")),
        )

    async def close(self) -> None:
        """Close every connection."""
        for account in self._accounts.values():
            await account.close()
        await self._graph.close()
        await self.wire.close()
        for identity in self._identities.values():
            await identity.close()


def pinned(registered: Registration) -> Verify:
    """Return what believes signatures of a tenant's one policy key, and of no other."""

    def verify(kid: str, message: bytes, signature: bytes) -> bool:
        is_pinned = kid == registered.signing_kid
        return is_pinned and verify_es256(registered.policy_key, message, signature)

    return verify


def quiet() -> None:
    """Silence the SDKs below WARNING: at INFO they log every call, with ids of persons."""
    for chatty in ("azure", "httpx", "httpcore", "msal"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
