"""Set an organisation up: its tables, its keys, its first signed policy, its place on the registry.

Run once for a tenant, by an operator, with the publishing identity; running it again changes
nothing that is there. The first policy is published here, by one person: nobody else is known yet.
From then on it takes two persons (`agent.publish`), and onboarding again leaves policy alone. Order
matters: the registry row comes last, so that no request is let in before everything it needs is
there.
"""

from collections.abc import Mapping, Sequence

from agent.adapters.policy_publisher import SIGNING_KEY
from agent.adapters.registry_table import Registration
from agent.adapters.sealing import DATA_KEY, DataKeys, EnvelopeSealing, create_data_key
from agent.adapters.sponsorships_table import SponsorshipTable
from agent.adapters.tables import REGISTRY_TABLE, create_tables
from agent.adapters.targets_table import TargetTable
from agent.adapters.vault import PublicJwk, Vault
from agent.domain import Classification, Sponsorship
from agent.errors import Permanent
from agent.publish import open_stores
from agent.values import Frozen, Guid, Secret, TenantId
from agent.wiring import AUDIT_KEY, Deployment
from policy.pack import limits
from policy.publishing import ONBOARDING, with_limits
from policy.rule import Rule


class Organisation(Frozen):
    """What an operator says of an organisation that is to be served."""

    id: Guid
    name: str
    domain: str
    tables_endpoint: str
    vault_url: str
    service_desk: Guid
    identity: Guid
    publisher: Guid
    targets: tuple[Classification, ...]


async def onboard(
    deployment: Deployment,
    organisation: Organisation,
    rules: Sequence[Rule],
    *,
    operator: str,
    parameters: Mapping[str, str] | None = None,
) -> Registration:
    """Set one organisation up and return its place on the registry.

    `rules` are the tenant's own and count only where no policy does yet; the publisher's limits
    are added to them, filled with the same parameters.
    """
    settings = deployment.settings
    own = deployment.account(settings.registry_endpoint, settings.azure_client_id)
    account = deployment.account(organisation.tables_endpoint, organisation.identity)
    await create_tables(own, (REGISTRY_TABLE,))
    await create_tables(account)
    vault = deployment.vault(organisation.vault_url, organisation.identity)
    await _data_key(vault)
    key = await _signing_key(vault, SIGNING_KEY)
    targets = TargetTable(account.rows("Targets"))
    for target in organisation.targets:
        await targets.classify(target)
    registration = Registration(
        **organisation.model_dump(exclude={"targets"}),
        policy_key=key,
        signing_kid=key["kid"],
        audit_key=await _signing_key(vault, AUDIT_KEY),
    )
    stores = open_stores(deployment, registration)
    if await stores.history.standing() is None:
        whole = with_limits(rules, limits(parameters or {}))
        await stores.publisher.publish(whole, None, published_by=operator, approved_by=ONBOARDING)
    await deployment.registry().put(registration)
    return registration


async def _data_key(vault: Vault) -> None:
    try:
        await vault.get_secret(DATA_KEY)
    except Permanent as fault:
        if fault.code != "not_found":
            raise
        await create_data_key(vault)


async def _signing_key(vault: Vault, name: str) -> PublicJwk:
    try:
        return await vault.public_jwk(name)
    except Permanent as fault:
        if fault.code != "not_found":
            raise
        return await vault.create_signing_key(name)


async def lend(
    deployment: Deployment, registration: Registration, lent: Sponsorship, signed_in: Secret
) -> bool:
    """Keep a sponsorship and the sign-in behind it; False when its id was used before.

    The refresh token goes to the vault first: a sponsorship never stands without it.
    """
    vault = deployment.vault(registration.vault_url, registration.identity)
    account = deployment.account(registration.tables_endpoint, registration.identity)
    await vault.set_secret(f"sponsorship-{lent.id}", signed_in)
    sealing = EnvelopeSealing(TenantId(registration.id), DataKeys(vault, deployment.clock))
    table = SponsorshipTable(account.rows("Sponsorships"), sealing, deployment.clock)
    return await table.add(lent)
