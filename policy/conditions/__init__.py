"""Every kind of condition a selector can be. A new kind is one file and one line here.

Answers  does this known value satisfy the selector?
Never    sees an Unknown: the decision point handles doubt, in one place, for all of them.
"""

from policy.conditions._condition import Condition
from policy.conditions.bounds import AtLeast, AtMost
from policy.conditions.equality import Equals
from policy.conditions.sets import AnyOf, Membership, NoneOf
from policy.conditions.window import Validity, Window, WindowHours

CONDITIONS: tuple[type[Condition], ...] = (
    Membership,
    AnyOf,
    NoneOf,
    AtLeast,
    AtMost,
    Equals,
    Window,
    Validity,
)

__all__ = [
    "CONDITIONS",
    "AnyOf",
    "AtLeast",
    "AtMost",
    "Condition",
    "Equals",
    "Membership",
    "NoneOf",
    "Validity",
    "Window",
    "WindowHours",
]
