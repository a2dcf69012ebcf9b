"""What both directions of Microsoft Entra share: settings, and how the application proves itself.

Rules
- the authority is https, always: the SDK refuses anything else, and so do we;
- scopes are an explicit list, never `.default`, which would ask for all that was ever consented;
- the application proves itself by its managed identity (federated credential) or by a secret from
  the tenant's vault; a proof only ever rides on an exchange of a person's own grant.

Never here: exchanging (`entra_tokens`), validating (`entra_inbound`).
"""

from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, Protocol
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from agent.adapters.vault import Vault
from agent.errors import Permanent, Transient
from agent.values import Frozen, Guid, Secret

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

FEDERATION = "api://AzureADTokenExchange/.default"


def _authority(value: str) -> str:
    parts = urlsplit(value)
    extra = parts.path.strip("/") or parts.query or parts.fragment or parts.username
    if parts.scheme != "https" or not parts.hostname or extra:
        raise ValueError(f"expected an https authority without a path, saw `{value}`")
    return value.rstrip("/")


def _explicit(scopes: tuple[str, ...]) -> tuple[str, ...]:
    if any(not scope or " " in scope or scope.endswith("/.default") for scope in scopes):
        raise ValueError("expected explicit scopes, saw a blank one or `.default`")
    return scopes


class EntraSettings(Frozen):
    """The application in Entra: the same for every tenant of a deployment."""

    client_id: Guid
    authority: Annotated[str, AfterValidator(_authority)] = "https://login.microsoftonline.com"
    graph_scopes: Annotated[tuple[str, ...], AfterValidator(_explicit), Field(min_length=1)]


class Proof(NamedTuple):
    """What shows Entra that this is the application: a signed assertion or a shared secret."""

    kind: Literal["assertion", "secret"]
    value: Secret


class ProofSource(Protocol):
    """Where the application's proof comes from."""

    async def proof(self) -> Proof:
        """Return a proof that is good now. Raises Permanent, StoreUnusable or Transient."""


class ManagedIdentityProof:
    """The application's federated credential: a token of its managed identity, no secret kept."""

    def __init__(self, identity: "AsyncTokenCredential") -> None:
        self._identity = identity

    async def proof(self) -> Proof:
        from azure.core.exceptions import AzureError, ClientAuthenticationError

        try:
            token = await self._identity.get_token(FEDERATION)
        except ClientAuthenticationError:
            sentence = "expected a token of the managed identity, saw a refusal"
            raise Permanent("identity_refused", sentence) from None
        except AzureError as fault:
            sentence = f"expected a token of the managed identity, saw {type(fault).__name__}"
            raise Transient("identity_unreachable", sentence) from None
        return Proof("assertion", Secret(token.token))


class VaultSecretProof:
    """The application's shared secret, read from the tenant's vault each time."""

    def __init__(self, vault: Vault, name: str) -> None:
        self._vault, self._name = vault, name

    async def proof(self) -> Proof:
        value, _ = await self._vault.get_secret(self._name)
        return Proof("secret", value)
