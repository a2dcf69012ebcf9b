"""Does Microsoft Entra ID Protection flag this account?

Source: Graph riskyuser-get. Delegated reading needs Security Reader or more, which employees do not
hold: read as a sponsor. 404 means that no risk is known; Graph allows one such call a second.
"""

from typing import ClassVar

from pydantic import JsonValue

from agent.lookups._lookup import PersonLookup, Question
from agent.ports import M365


class Risk(PersonLookup):
    """Risk level and state of the account."""

    name: ClassVar = "risk"
    source: ClassVar = "GET /identityProtection/riskyUsers/{id}"
    scopes: ClassVar = frozenset({"IdentityRiskyUser.Read.All"})
    as_sponsor: ClassVar = True

    async def ask(self, m365: M365, question: Question) -> JsonValue:
        found = await m365.read("identityProtection", "riskyUsers", question.person)
        if found is None:
            return {"level": "none", "state": "none"}
        return {"level": found.get("riskLevel"), "state": found.get("riskState")}
