"""INVARIANT 8: tenants are handles. No port method takes a tenant id."""

import inspect
from dataclasses import fields

import pytest

from agent import ports
from agent.ports import Tenant

PORTS = [
    port
    for name, port in vars(ports).items()
    if inspect.isclass(port)
    and getattr(port, "_is_protocol", False)
    and port.__module__ == ports.__name__
]


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.__name__)
def test_no_method_of_a_port_takes_a_tenant(port: type) -> None:
    for name, method in inspect.getmembers(port, inspect.isfunction):
        if name.startswith("_"):
            continue
        for parameter in inspect.signature(method).parameters.values():
            said = f"{parameter.name} {parameter.annotation}".lower()
            assert "tenant" not in said, f"{port.__name__}.{name} takes {said}"


def test_a_handle_holds_every_port_of_one_tenant() -> None:
    held = {field.name for field in fields(Tenant)}
    assert held == {
        "id",
        "service_desk",
        "clock",
        "tokens",
        "audit",
        "policies",
        "requests",
        "approvals",
        "sponsorships",
        "targets",
        "budget",
        "watermarks",
    }
