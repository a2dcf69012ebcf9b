"""How does a seed become two living organisations?

Answers an Estate built from the checked seed: addresses become ids, distances in time become
moments, "everyone" becomes the enabled members. Never invents an id that the file could name.

Rules:
- a name in the file that points nowhere is an error, never skipped;
- ids that nobody quotes (role objects, log entries) are derived, so that a reset repeats them.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from local.tenant.directory import Directory, Resource
from local.tenant.estate import App, Estate, Identity, Tenant
from local.tenant.records import Activity, audit_entry, moment, sign_in_entry
from local.tenant.roles import ROLE_TEMPLATES
from local.tenant.seed import (
    Seed,
    SeedAudit,
    SeedGroup,
    SeedPerson,
    SeedRisk,
    SeedSignIn,
    SeedSku,
    SeedTenant,
)

_DERIVED = uuid.UUID("8a0d6a0e-6f0c-4d5a-9a39-3c5f7f2f4b11")
_CREATED = "2024-03-11T08:30:00Z"


def plant(seed: Seed, now: datetime) -> Estate:
    """A fresh estate, its logs dated back from `now`."""
    tenants = [_tenant(entry, seed, now) for entry in seed.tenants.values()]
    by_name = {identity.name: identity for identity in seed.managed_identities}
    identities = [
        Identity(**{**i.model_dump(), "tenant": seed.tenants[i.tenant].id})
        for i in seed.managed_identities
    ]
    apps = [
        App(
            client_id=app.client_id,
            name=app.name,
            secret=app.secret,
            federated=tuple(by_name[name].principal_id for name in app.federated),
        )
        for app in seed.apps.values()
    ]
    return Estate(
        tenants={tenant.id: tenant for tenant in tenants},
        apps={app.client_id: app for app in apps},
        identities={identity.client_id: identity for identity in identities},
        bot_app_id=by_name[seed.bot_identity].client_id,
        identity_header=seed.identity_header,
    )


def _tenant(entry: SeedTenant, seed: Seed, now: datetime) -> Tenant:
    people = {person.upn: person.id for person in entry.people}
    names = people | {f"group:{group.nick}": group.id for group in entry.groups}
    directory = Directory(
        users={person.id: _user(person, entry) for person in entry.people},
        groups={group.id: _group(group, entry) for group in entry.groups},
        sites={_site_id(g, entry): _site(g, entry) for g in entry.groups if g.site},
        group_sites={g.id: _site_id(g, entry) for g in entry.groups if g.site},
        members={g.id: _members(g, entry, names) for g in entry.groups},
        owners={g.id: _ids(g.owners, people) for g in entry.groups},
        managers={p.id: people[p.manager] for p in entry.people if p.manager},
        roles={_role_id(entry, role): _role(entry, role) for role in entry.roles},
        role_members={_role_id(entry, r): _ids(held, names) for r, held in entry.roles.items()},
        skus={sku.sku_id: _sku(sku, entry) for sku in entry.skus},
        risk={people[r.person]: _risk(r, entry, people, now) for r in entry.risk},
    )
    return Tenant(
        id=entry.id,
        name=entry.name,
        domain=entry.domain,
        directory=directory,
        consents={app.client_id: entry.consented for app in seed.apps.values()},
        audits=[_audit(a, entry, directory, names, now) for a in entry.audits],
        sign_ins=[_sign_in(s, entry, directory, people, now) for s in entry.sign_ins],
        organization=_organization(entry),
    )


def _user(person: SeedPerson, entry: SeedTenant) -> Resource:
    given, _, family = person.name.partition(" ")
    upn = f"{person.upn}@{entry.domain}"
    licence = next((sku.sku_id for sku in entry.skus if sku.part == person.sku), None)
    return {
        "id": person.id,
        "displayName": person.name,
        "givenName": given,
        "surname": family or None,
        "userPrincipalName": upn,
        "mail": person.mail or upn,
        "mailNickname": person.upn,
        "jobTitle": person.title,
        "department": person.department,
        "companyName": entry.name if person.kind == "Member" else None,
        "officeLocation": None,
        "businessPhones": [],
        "mobilePhone": None,
        "otherMails": [person.mail] if person.mail else [],
        "preferredLanguage": None,
        "usageLocation": entry.country,
        "userType": person.kind,
        "accountEnabled": person.enabled,
        "employeeId": None,
        "createdDateTime": _CREATED,
        "onPremisesSyncEnabled": True if person.synced else None,
        "signInSessionsValidFromDateTime": _CREATED,
        "lastPasswordChangeDateTime": _CREATED,
        "assignedLicenses": [{"skuId": licence, "disabledPlans": []}] if licence else [],
    }


def _group(group: SeedGroup, entry: SeedTenant) -> Resource:
    kinds = ["Unified"] if group.kind == "unified" else []
    mail_enabled = group.kind != "security"
    return {
        "id": group.id,
        "displayName": group.name,
        "description": group.about,
        "groupTypes": kinds + (["DynamicMembership"] if group.rule else []),
        "mail": f"{group.nick}@{entry.domain}" if mail_enabled else None,
        "mailEnabled": mail_enabled,
        "mailNickname": group.nick,
        "securityEnabled": group.kind == "security",
        "visibility": group.visibility if group.kind == "unified" else None,
        "isAssignableToRole": True if group.role_assignable else None,
        "membershipRule": group.rule,
        "membershipRuleProcessingState": "On" if group.rule else None,
        "onPremisesSyncEnabled": True if group.synced else None,
        "createdDateTime": _CREATED,
        "renewedDateTime": _CREATED,
        "classification": None,
        "assignedLabels": [],
        "assignedLicenses": [],
        "proxyAddresses": [],
        "resourceProvisioningOptions": ["Team"] if group.kind == "unified" else [],
    }


def _site_id(group: SeedGroup, entry: SeedTenant) -> str:
    return f"{entry.sharepoint},{group.site}"


def _site(group: SeedGroup, entry: SeedTenant) -> Resource:
    return {
        "id": _site_id(group, entry),
        "displayName": group.name,
        "name": group.nick,
        "description": group.about,
        "webUrl": f"https://{entry.sharepoint}/sites/{group.nick}",
        "createdDateTime": _CREATED,
        "lastModifiedDateTime": _CREATED,
        "root": {},
        "siteCollection": {"hostname": entry.sharepoint},
    }


def _members(group: SeedGroup, entry: SeedTenant, names: dict[str, str]) -> tuple[str, ...]:
    if group.members == "everyone":
        return tuple(p.id for p in entry.people if p.enabled and p.kind == "Member")
    return _ids(group.members, names)


def _ids(names: Iterable[str], known: dict[str, str]) -> tuple[str, ...]:
    return tuple(known[name] for name in names)


def _derived(*parts: str) -> str:
    return str(uuid.uuid5(_DERIVED, "/".join(parts)))


def _role_id(entry: SeedTenant, role: str) -> str:
    return _derived(entry.id, "role", role)


def _role(entry: SeedTenant, role: str) -> Resource:
    return {
        "id": _role_id(entry, role),
        "displayName": role,
        "description": f"Built-in role {role}.",
        "roleTemplateId": ROLE_TEMPLATES[role],
    }


def _sku(sku: SeedSku, entry: SeedTenant) -> Resource:
    return {
        "id": f"{entry.id}_{sku.sku_id}",
        "accountId": entry.id,
        "skuId": sku.sku_id,
        "skuPartNumber": sku.part,
        "appliesTo": "User",
        "capabilityStatus": "Enabled",
        "consumedUnits": sum(person.sku == sku.part for person in entry.people),
        "prepaidUnits": {"enabled": sku.seats, "lockedOut": 0, "suspended": 0, "warning": 0},
        "servicePlans": [],
        "subscriptionIds": [_derived(entry.id, "subscription", sku.part)],
    }


def _risk(risk: SeedRisk, entry: SeedTenant, people: dict[str, str], now: datetime) -> Resource:
    person = next(p for p in entry.people if p.upn == risk.person)
    return {
        "id": people[risk.person],
        "userDisplayName": person.name,
        "userPrincipalName": f"{person.upn}@{entry.domain}",
        "riskLevel": risk.level,
        "riskState": risk.state,
        "riskDetail": risk.detail,
        "riskLastUpdatedDateTime": moment(now - timedelta(hours=risk.hours_ago)),
        "isDeleted": False,
        "isProcessing": False,
    }


def _audit(
    audit: SeedAudit, entry: SeedTenant, known: Directory, names: dict[str, str], now: datetime
) -> Resource:
    group = known.groups[names[f"group:{audit.group}"]] if audit.group else None
    return audit_entry(
        Activity(audit.activity, known.users[names[audit.person]], group),
        entry_id=_derived(entry.id, "audit", audit.activity, audit.person, str(audit.days_ago)),
        at=now - timedelta(days=audit.days_ago),
        by=known.users[names[audit.by]],
        app=None,
    )


def _sign_in(
    sign_in: SeedSignIn, entry: SeedTenant, known: Directory, people: dict[str, str], now: datetime
) -> Resource:
    return sign_in_entry(
        known.users[people[sign_in.person]],
        entry_id=_derived(entry.id, "sign-in", sign_in.person, str(sign_in.hours_ago)),
        at=now - timedelta(hours=sign_in.hours_ago),
        tenant=entry.id,
        details=sign_in.model_dump(include={"app", "ip", "city", "country", "risk", "error"}),
    )


def _organization(entry: SeedTenant) -> Resource:
    return {
        "id": entry.id,
        "displayName": entry.name,
        "countryLetterCode": entry.country,
        "createdDateTime": _CREATED,
        "tenantType": "AAD",
        "onPremisesSyncEnabled": True if any(g.synced for g in entry.groups) else None,
        "verifiedDomains": [
            {"name": entry.domain, "type": "Managed", "isDefault": True, "isInitial": False}
        ],
        "assignedPlans": [],
    }
