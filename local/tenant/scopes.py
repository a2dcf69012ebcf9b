"""What does a token request ask for?

Answers the one resource and the scopes behind the `scope` parameter, and whether the client
understands continuous access evaluation. Never knows what is consented.

Rules:
- a scope without a resource belongs to Microsoft Graph;
- one token has one resource; asking for two is refused;
- openid, profile and email are accepted and change nothing here.
"""

import json
from dataclasses import dataclass

from local.tenant.refusals import refused

GRAPH_RESOURCE = "https://graph.microsoft.com"
_SIGN_IN = frozenset({"openid", "profile", "email"})


@dataclass(frozen=True)
class Asked:
    """The parsed scope parameter; `everything` stands for `.default`."""

    resource: str
    scopes: tuple[str, ...]
    everything: bool
    offline: bool


def read_scopes(text: str) -> Asked:
    """The meaning of a scope parameter; raises TokenRefusedError."""
    words = [word for word in text.split() if word not in _SIGN_IN]
    named = [_split(word) for word in words if word != "offline_access"]
    resources = {resource for resource, _ in named}
    if len(resources) != 1:
        raise refused(70011 if not resources else 28000, text)
    scopes = tuple(scope for _, scope in named if scope != ".default")
    everything = len(scopes) < len(named)
    if everything and scopes:
        raise refused(70011, text)
    return Asked(resources.pop(), scopes, everything, "offline_access" in words)


def wants_access_evaluation(claims: str | None) -> bool:
    """Whether the claims parameter announces the client capability cp1."""
    if not claims:
        return False
    try:
        asked = json.loads(claims)["access_token"]["xms_cc"]["values"]
    except (ValueError, KeyError, TypeError):
        # Other claims may be asked for; they are not a reason to refuse, nor to watch.
        return False
    return isinstance(asked, list) and any(str(value).lower() == "cp1" for value in asked)


def _split(word: str) -> tuple[str, str]:
    resource, slash, scope = word.rpartition("/")
    if not slash:
        return GRAPH_RESOURCE, word
    # `https://vault.example//.default` names a resource that itself ends in a slash.
    return resource, scope
