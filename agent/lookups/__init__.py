"""Everything this agent may ask of a tenant. A question not listed here cannot be put."""

from agent.lookups._lookup import Lookup, Question
from agent.lookups.group import Group, Membership, Owners, Site
from agent.lookups.history import History
from agent.lookups.person import Person
from agent.lookups.resource import Resource
from agent.lookups.risk import Risk
from agent.lookups.standing import Standing

LOOKUPS: tuple[type[Lookup], ...] = (
    Person,
    Standing,
    Risk,
    Resource,
    Group,
    Owners,
    Membership,
    Site,
    History,
)

__all__ = ["LOOKUPS", "Lookup", "Question"]
