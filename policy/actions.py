"""The catalogue of actions: every kind of change that a rule may name, and what each one moves.

Answers  which kinds of change there are: family, target, risk, whether undoable, their effects.
Never    says who may do what: that is for rules; and being listed here gives nobody any power.
Rules    - an action that the agent registers is in here with the same family, risk and undo.
         - the family is the first word of the id; `reversible` means that an exact undo exists.
         - what differs in danger is another action: mail forwarded outside, a malicious message.
         - risk: 0 harmless, 1 ordinary, 2 sensitive, 3 dangerous, 4 critical: never permitted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class ActionType:
    """One kind of change."""

    id: str
    family: str
    target: str
    risk: int
    reversible: bool
    effects: frozenset[str]
    meaning: str


_ACCESS, _POWER, _UNGUARD = "grants_access", "grants_power", "weakens_protection"
_SECRET, _LOSS, _CONSENT, _SELF = "discloses_secret", "destroys", "consents", "changes_warrant"
_UNDO, _NO_UNDO = True, False


def _kind(
    id: str, target: str, risk: int, reversible: bool, meaning: str, *effects: str
) -> ActionType:
    family = id.partition(".")[0]
    return ActionType(id, family, target, risk, reversible, frozenset(effects), meaning)


_PEOPLE = (
    _kind("user.password.reset", "user", 2, _NO_UNDO, "Give an account a new password.", _SECRET),
    _kind("user.unlock", "user", 1, _NO_UNDO, "End a lockout after too many wrong passwords."),
    _kind("user.enable", "user", 2, _UNDO, "Let a switched-off account sign in again.", _ACCESS),
    _kind("user.disable", "user", 2, _UNDO, "Keep an account from signing in."),
    _kind("user.sessions.revoke", "user", 1, _NO_UNDO, "End every session of an account."),
    _kind("user.create", "user", 2, _NO_UNDO, "Make an account for somebody new.", _ACCESS),
    _kind("user.restore", "user", 2, _UNDO, "Bring back a deleted account.", _ACCESS),
    _kind("user.delete", "user", 4, _NO_UNDO, "Delete an account.", _LOSS),
    _kind("user.contact.update", "user", 1, _UNDO, "Set phone numbers, office or photo."),
    _kind("user.name.update", "user", 2, _UNDO, "Set the name a person is shown under."),
    _kind(
        *("user.job.update", "user", 2, _UNDO),
        "Set title, department or manager: what access and approvals hang on.",
        _ACCESS,
    ),
    _kind("auth.method.remove", "user", 2, _NO_UNDO, "Remove a sign-in method.", _LOSS),
    _kind("auth.pass.issue", "user", 3, _NO_UNDO, "Issue a one-time access pass.", _SECRET),
    _kind("auth.mfa.disable", "user", 4, _UNDO, "Stop asking for a second factor.", _UNGUARD),
    _kind("risk.confirm", "user", 2, _NO_UNDO, "Mark an account as taken over."),
    _kind("risk.dismiss", "user", 3, _NO_UNDO, "Clear an account's risk.", _UNGUARD),
    _kind("guest.invite", "user", 2, _UNDO, "Invite somebody from outside.", _ACCESS),
    _kind("guest.remove", "user", 2, _NO_UNDO, "Remove somebody from outside."),
    _kind("licence.assign", "user", 1, _UNDO, "Give a person a licence."),
    _kind("licence.swap", "user", 2, _UNDO, "Give a person another licence for the one they have."),
    _kind("licence.remove", "user", 2, _NO_UNDO, "Take a licence; its data goes after a while."),
)

_RESOURCES = (
    _kind("group.member.add", "group", 1, _UNDO, "Make a person a member of a group.", _ACCESS),
    _kind("group.member.remove", "group", 1, _UNDO, "End a person's membership of a group."),
    _kind("group.owner.add", "group", 2, _UNDO, "Make a person an owner of a group.", _POWER),
    _kind("group.owner.remove", "group", 2, _UNDO, "End a person's ownership of a group."),
    _kind("group.create", "group", 2, _UNDO, "Make a group."),
    _kind("group.delete", "group", 3, _NO_UNDO, "Delete a group and what hangs on it.", _LOSS),
    _kind("group.nest", "group", 3, _UNDO, "Make a group a member of another.", _POWER),
    _kind("group.rule.change", "group", 4, _UNDO, "Change a dynamic group's rule.", _POWER),
    _kind("list.member.add", "group", 1, _UNDO, "Add a person to a distribution list.", _ACCESS),
    _kind("list.member.remove", "group", 1, _UNDO, "Take a person off a distribution list."),
    _kind("list.update", "group", 2, _UNDO, "Change who may join or write to a list."),
    _kind("team.create", "group", 2, _UNDO, "Make a Team with its owners and label."),
    _kind("site.create", "site", 2, _UNDO, "Make a SharePoint site."),
    _kind("site.member.add", "site", 1, _UNDO, "Let a person into a site or library.", _ACCESS),
    _kind("site.member.remove", "site", 1, _UNDO, "End a person's access to a site or library."),
    _kind("site.item.restore", "site", 1, _UNDO, "Bring back deleted files."),
    _kind("site.restore", "site", 2, _UNDO, "Bring back a deleted site.", _ACCESS),
    _kind("app.assignment.add", "app", 1, _UNDO, "Assign a person to an application.", _ACCESS),
    _kind("app.assignment.remove", "app", 1, _UNDO, "End a person's use of an application."),
    _kind("app.consent.grant", "app", 3, _UNDO, "Consent for one person.", _CONSENT),
    _kind("app.consent.revoke", "app", 2, _NO_UNDO, "Revoke a consent."),
    _kind("app.consent.grant_for_all", "app", 4, _UNDO, "Consent for everybody.", _CONSENT),
    _kind(
        *("app.permission.grant", "app", 4, _UNDO),
        "Give an application rights of its own.",
        *(_CONSENT, _POWER),
    ),
    _kind("app.secret.add", "app", 4, _UNDO, "Add a credential to an application.", _POWER),
    _kind("app.owner.add", "app", 4, _UNDO, "Make a person owner of an application.", _POWER),
    _kind("software.assign", "app", 1, _UNDO, "Have software installed on a person's devices."),
    _kind("software.unassign", "app", 1, _UNDO, "Have software taken off a person's devices."),
)

_MAIL = (
    _kind("calendar.share", "mailbox", 1, _UNDO, "Share a calendar with a person.", _ACCESS),
    _kind("calendar.unshare", "mailbox", 1, _UNDO, "Stop sharing a calendar."),
    _kind("mailbox.autoreply.set", "mailbox", 1, _UNDO, "Set the automatic reply."),
    _kind("mailbox.delegate.grant", "mailbox", 2, _UNDO, "Full Access or Send As.", _ACCESS),
    _kind("mailbox.delegate.revoke", "mailbox", 1, _UNDO, "End Full Access or Send As."),
    _kind("mailbox.forwarding.enable", "mailbox", 2, _UNDO, "Forward mail inside.", _ACCESS),
    _kind(
        *("mailbox.forwarding.enable_external", "mailbox", 4, _UNDO),
        "Forward mail out of the organisation.",
        *(_ACCESS, _UNGUARD),
    ),
    _kind("mailbox.forwarding.disable", "mailbox", 1, _UNDO, "Stop forwarding mail."),
    _kind("mailbox.address.change", "mailbox", 2, _UNDO, "Change the address, keep the old one."),
    _kind("mailbox.alias.add", "mailbox", 2, _UNDO, "Add a further address."),
    _kind("mailbox.alias.remove", "mailbox", 2, _UNDO, "Remove a further address."),
    _kind("mailbox.archive.enable", "mailbox", 1, _NO_UNDO, "Give a mailbox an archive."),
    _kind("mailbox.quota.raise", "mailbox", 1, _UNDO, "Give a mailbox more room."),
    _kind("mailbox.item.restore", "mailbox", 1, _UNDO, "Bring back deleted mail."),
    _kind("mailbox.convert_shared", "mailbox", 2, _NO_UNDO, "Make a mailbox a shared one."),
    _kind("mailbox.hold.place", "mailbox", 2, _UNDO, "Keep all mail for a legal matter."),
    _kind("mailbox.hold.remove", "mailbox", 3, _NO_UNDO, "End a legal hold.", _LOSS),
    _kind("mailbox.rule.remove", "mailbox", 2, _NO_UNDO, "Remove a suspicious inbox rule."),
    _kind("quarantine.release", "message", 1, _NO_UNDO, "Deliver mail held as spam or bulk."),
    _kind(
        *("quarantine.release_phish", "message", 3, _NO_UNDO),
        "Deliver mail held as phishing.",
        _UNGUARD,
    ),
    _kind(
        *("quarantine.release_malware", "message", 4, _NO_UNDO),
        "Deliver mail held as malware.",
        _UNGUARD,
    ),
)

_DEVICES = (
    _kind("device.sync", "device", 0, _NO_UNDO, "Have a device fetch its settings."),
    _kind("device.restart", "device", 1, _NO_UNDO, "Restart a device."),
    _kind("device.lock", "device", 1, _NO_UNDO, "Lock a device."),
    _kind("device.locate", "device", 2, _NO_UNDO, "Find out where a device is."),
    _kind("device.passcode.reset", "device", 2, _NO_UNDO, "Give a new passcode.", _SECRET),
    _kind("device.wipe", "device", 3, _NO_UNDO, "Erase a device.", _LOSS),
    _kind("device.retire", "device", 3, _NO_UNDO, "Erase company data from a device.", _LOSS),
    _kind("device.recovery_key.reveal", "device", 2, _NO_UNDO, "Show a disk's key.", _SECRET),
    _kind("device.recovery_key.rotate", "device", 1, _NO_UNDO, "Make a new recovery key."),
    _kind(
        *("device.admin_password.reveal", "device", 3, _NO_UNDO),
        "Show the password of a device's local administrator.",
        _SECRET,
    ),
    _kind("device.admin_password.rotate", "device", 1, _NO_UNDO, "Make a new local password."),
    _kind("device.rename", "device", 1, _UNDO, "Rename a device."),
    _kind("device.owner.change", "device", 2, _UNDO, "Change whose device it is."),
    _kind("device.autopilot.reset", "device", 3, _NO_UNDO, "Set a device up anew.", _LOSS),
    _kind("device.script.run", "device", 4, _NO_UNDO, "Run a script on devices.", _POWER),
    _kind("device.local_admin.grant", "device", 4, _UNDO, "Make a local administrator.", _POWER),
    _kind("device.protection.disable", "device", 4, _UNDO, "Switch protection off.", _UNGUARD),
)

_TENANT = (
    _kind("role.activate", "role", 3, _UNDO, "Activate a role one is eligible for.", _POWER),
    _kind("role.deactivate", "role", 1, _UNDO, "Give back an activated role."),
    _kind("role.eligibility.grant", "role", 3, _UNDO, "Make eligible for a role.", _POWER),
    _kind("role.eligibility.remove", "role", 1, _UNDO, "End eligibility for a role."),
    _kind("role.assign", "role", 4, _UNDO, "Give a role outside PIM.", _POWER),
    _kind("ca.travel.grant", "user", 2, _UNDO, "Let a traveller sign in from abroad.", _UNGUARD),
    _kind("ca.travel.end", "user", 1, _UNDO, "End a traveller's exception."),
    _kind("ca.exclusion.add", "user", 3, _UNDO, "Exclude a person from a policy.", _UNGUARD),
    _kind("ca.exclusion.remove", "user", 1, _UNDO, "End a person's exclusion."),
    _kind("ca.location.change", "location", 3, _UNDO, "Change a named location.", _UNGUARD),
    _kind("ca.policy.change", "policy", 4, _UNDO, "Change Conditional Access.", _UNGUARD),
    _kind("audit.settings.change", "policy", 4, _UNDO, "Change what is logged.", _UNGUARD),
    _kind("warrant.policy.change", "warrant", 4, _UNDO, "Change Warrant's rules.", _SELF),
    _kind("warrant.audit.change", "warrant", 4, _NO_UNDO, "Change Warrant's trail.", _SELF),
    _kind("warrant.app.change", "warrant", 4, _UNDO, "Change Warrant itself.", _SELF, _POWER),
)

CATALOGUE: Mapping[str, ActionType] = MappingProxyType(
    {kind.id: kind for kind in (*_PEOPLE, *_RESOURCES, *_MAIL, *_DEVICES, *_TENANT)}
)
FAMILIES: frozenset[str] = frozenset(kind.family for kind in CATALOGUE.values())
TARGET_TYPES: frozenset[str] = frozenset(kind.target for kind in CATALOGUE.values())
