"""Set an organisation up: its tables, its keys, its first signed policy, its place on the registry.

Run once for a tenant, by an operator, with the publishing identity; running it again changes
nothing that is there, save that the policy given is published if it differs. Order matters: the
registry row comes last, so that no request is let in before everything it needs exists.
"""

from collections.abc import Mapping, Sequence

from agent.adapters.policies_table import PolicyPublisher
from agent.adapters.registry_table import Registration
from agent.adapters.sealing import DATA_KEY, DataKeys, EnvelopeSealing, create_data_key
from agent.adapters.sponsorships_table import SponsorshipTable
from agent.adapters.tables import REGISTRY_TABLE, create_tables
from agent.adapters.targets_table import TargetTable
from agent.adapters.vault import PublicJwk, Vault
from agent.domain import Classification, Sponsorship
from agent.errors import Permanent
from agent.values import Frozen, Guid, Secret, TenantId
from agent.wiring import Deployment
from policy.pack import limits
from policy.rule import Rule
from policy.snapshot import write_body

SIGNING_KEY = "policy-signing"


class Organisation(Frozen):
    """What an operator says of an organisation that is to be served."""

    id: Guid
    name: str
    domain: str
    tables_endpoint: str
    vault_url: str
    service_desk: Guid
    identity: Guid
    targets: tuple[Classification, ...]


async def onboard(
    deployment: Deployment,
    organisation: Organisation,
    rules: Sequence[Rule],
    *,
    published_by: str,
    approved_by: str,
    parameters: Mapping[str, str] | None = None,
) -> Registration:
    """Set one organisation up and return its place on the registry.

    `rules` are the tenant's own; the publisher's limits are added to them, filled with the same
    parameters.
    """
    settings = deployment.settings
    own = deployment.account(settings.registry_endpoint, settings.azure_client_id)
    account = deployment.account(organisation.tables_endpoint, organisation.identity)
    await create_tables(own, (REGISTRY_TABLE,))
    await create_tables(account)
    vault = deployment.vault(organisation.vault_url, organisation.identity)
    await _data_key(vault)
    key = await _signing_key(vault)
    targets = TargetTable(account.rows("Targets"))
    for target in organisation.targets:
        await targets.classify(target)
    publisher = PolicyPublisher(
        account.rows("Policies"),
        account.rows("PolicySnapshots"),
        account.rows("PolicyHeads"),
        deployment.clock,
    )

    async def sign(message: bytes) -> tuple[str, bytes]:
        return await vault.sign(SIGNING_KEY, message)

    whole = with_limits(rules, limits(parameters or {}))
    if await publisher.published() != write_body(whole).id:
        await publisher.publish(
            whole, key["kid"], sign, published_by=published_by, approved_by=approved_by
        )
    registration = Registration(
        **organisation.model_dump(exclude={"targets"}), policy_key=key, signing_kid=key["kid"]
    )
    await deployment.registry().put(registration)
    return registration


def with_limits(rules: Sequence[Rule], limits: Sequence[Rule]) -> tuple[Rule, ...]:
    """Return rules together with the publisher's hard limits, which no tenant can leave out.

    Raises ValueError when a rule takes the name of a limit.
    """
    taken = {limit.id for limit in limits} & {rule.id for rule in rules if rule not in limits}
    if taken:
        names = ", ".join(sorted(taken))
        raise ValueError(f"expected names other than the publisher's, saw {names}")
    return (*limits, *(rule for rule in rules if rule not in limits))


async def _data_key(vault: Vault) -> None:
    try:
        await vault.get_secret(DATA_KEY)
    except Permanent as fault:
        if fault.code != "not_found":
            raise
        await create_data_key(vault)


async def _signing_key(vault: Vault) -> PublicJwk:
    try:
        return await vault.public_jwk(SIGNING_KEY)
    except Permanent as fault:
        if fault.code != "not_found":
            raise
        return await vault.create_signing_key(SIGNING_KEY)


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
