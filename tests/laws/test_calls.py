"""INVARIANT 9 at the seam to Durable: what crosses it is ids, outcomes and times, nothing else."""

import types
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import AwareDatetime, BaseModel

from agent.calls import ANSWER, ASSESS, EXECUTE, Ref, instance_id
from agent.values import RequestId, StepId, TenantId

MODELS = [m for call in (ASSESS, EXECUTE, ANSWER) for m in (call.takes, call.gives)]
# The only free strings: ids that the product made or Entra gave, and the name of a wake-up.
IDS = {"tenant", "request", "step", "id", "event"}


def _leaves(model: type[BaseModel], path: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, field in model.model_fields.items():
        found += _leaf(f"{path}.{name}", field.annotation)
    return found


def _leaf(path: str, kind: Any) -> list[tuple[str, Any]]:
    if get_origin(kind) is Annotated:
        return _leaf(path, get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType, tuple, list):
        return [
            one
            for arg in get_args(kind)
            if arg not in (type(None), ...)
            for one in _leaf(path, arg)
        ]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _leaves(kind, path)
    return [(path, kind)]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_only_ids_outcomes_and_times_cross(model: type[BaseModel]) -> None:
    for path, kind in _leaves(model):
        name = path.rsplit(".", 1)[-1]
        plain = getattr(kind, "__supertype__", kind)
        if get_origin(kind) is Literal or plain in (bool, int, AwareDatetime):
            continue
        if isinstance(plain, type) and issubclass(plain, (Enum, datetime)):
            continue
        assert name in IDS, f"{model.__name__}{path} would cross in the clear"


def test_instances_of_two_tenants_never_share_a_name() -> None:
    request = RequestId("a" * 32)
    one = instance_id(Ref(tenant=TenantId("af990baf-d101-4320-bcec-be3dd47f7e41"), request=request))
    other = instance_id(
        Ref(tenant=TenantId("6db7519f-2e4a-4986-bc48-7aa34a22e613"), request=request)
    )
    assert one != other
    assert one.startswith("af990baf")
    assert StepId("s1") not in (one, other)
