"""The simulated Microsoft 365, listening on loopback in this process, reset before every test."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local import certificates
from local.clock import write_offset
from local.tenant.app import Ports, start
from local.tenant.cloud import Cloud, open_cloud
from local.tenant.seed import DEFAULT_SEED, read_seed

DOMAINS = ("alderfinch.example", "borealis.example")


class Scene:
    """What tests say to the tenant, and how they look behind it."""

    def __init__(self, cloud: Cloud, client: httpx.AsyncClient, ca: Path) -> None:
        self.cloud = cloud
        self.client = client
        self.ca = ca

    async def world(self, method: str, path: str, body: Any = None, **query: str) -> httpx.Response:
        url = self.cloud.world_url + path
        return await self.client.request(method, url, json=body, params=query)

    async def token(self, who: str, audience: str = "graph", **more: Any) -> str:
        ask = {"upn": self.upn(who), "audience": audience, **more}
        answer = await self.world("POST", "/token", ask)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["token"])

    async def graph(
        self,
        token: str,
        path: str,
        method: str = "GET",
        body: Any = None,
        **headers: str,
    ) -> httpx.Response:
        bearer = {"Authorization": f"Bearer {token}"}
        wire = {name.replace("_", "-"): value for name, value in headers.items()}
        url = self.cloud.graph_url + path
        return await self.client.request(method, url, json=body, headers=bearer | wire)

    async def form(self, tenant: str, **fields: str) -> httpx.Response:
        url = f"{self.cloud.entra_url}/{tenant}/oauth2/v2.0/token"
        proof = {"client_id": self.app_id, "client_secret": self.cloud.estate.app().secret}
        sent = {name: value for name, value in (proof | fields).items() if value}
        return await self.client.post(url, data=sent)

    async def fault(self, kind: str, times: int = 1, **more: Any) -> None:
        spec = {"match": more.pop("match", {}), "fault": kind, "times": times, **more}
        answer = await self.world("POST", "/faults", [spec])
        assert answer.status_code == 200, answer.text

    async def add(self, token: str, group: str, person: str, **headers: str) -> httpx.Response:
        body = {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{person}"}
        return await self.graph(token, f"/groups/{group}/members/$ref", "POST", body, **headers)

    @property
    def app_id(self) -> str:
        return self.cloud.estate.app().client_id

    def upn(self, who: str) -> str:
        return who if "@" in who else f"{who}@{DOMAINS[0]}"

    def tenant(self, number: int = 0) -> Any:
        return list(self.cloud.estate.tenants.values())[number]

    def person(self, who: str) -> str:
        upn = self.upn(who)
        tenant = self.cloud.estate.tenant_of_upn(upn)
        assert tenant is not None
        return str(tenant.directory.user_id(upn))

    def group(self, name: str, number: int = 0) -> str:
        groups = self.tenant(number).directory.groups.values()
        return str(next(group["id"] for group in groups if group["displayName"] == name))

    def is_member(self, who: str, group: str) -> bool:
        return self.person(who) in self.tenant().directory.members[self.group(group)]


@pytest.fixture(scope="session")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    folder = tmp_path_factory.mktemp("tenant")
    files = certificates.ensure(folder)
    write_offset(folder / "clock", 0.0)
    cloud = open_cloud(read_seed(DEFAULT_SEED), folder, folder / "clock")
    stop = await start(cloud, Ports(), files.cert, files.key)
    tls = ssl.create_default_context(cafile=files.ca)
    async with httpx.AsyncClient(verify=tls, trust_env=False, timeout=10) as client:
        yield Scene(cloud, client, files.ca)
    await stop()


@pytest.fixture
def scene(running: Scene) -> Scene:
    running.cloud.reset()
    return running
