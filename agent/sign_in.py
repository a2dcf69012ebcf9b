"""Who runs this command: a person, by a sign-in with Entra that the API's own door validates.

Rules
- by a token in a file that is theirs alone, or by a device code; it is kept nowhere;
- a failure is NotAuthenticated: a code and a sentence, never a token.

Never here: what a person may do (`policy.publishing`, `agent.auditing`).
"""

import asyncio
import os
import stat
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from agent.adapters.entra_inbound import LONGEST_TOKEN, SCOPE, Caller
from agent.errors import NotAuthenticated
from agent.settings import Settings
from agent.values import TenantId
from agent.wiring import Deployment, quiet

T = TypeVar("T")


def run(act: Callable[[Deployment], Awaitable[T]]) -> T:
    """Do something with the deployment that this process's settings name, and close it.

    Raises SettingsError, and whatever the act raises.
    """

    async def opened() -> T:
        deployment = Deployment(Settings.of(os.environ))  # noqa: TID251 - as boot does
        try:
            return await act(deployment)
        finally:
            await deployment.close()

    quiet()
    return asyncio.run(opened())


async def signed_in(deployment: Deployment, tenant: TenantId, token_file: str | None) -> Caller:
    """Return who signed in, by the token in a file or else by a code; raises NotAuthenticated."""
    if token_file is not None:
        token = read_token(token_file)
    else:
        # In a thread: the SDK has this sign-in for synchronous callers only.
        token = await asyncio.to_thread(sign_in, deployment.settings, tenant)
    return await deployment.door.validate(f"Bearer {token}")


def sign_in(settings: Settings, tenant: str) -> str:
    """Return a token of whoever enters the code that this prints; NotAuthenticated if nobody."""
    from azure.core.exceptions import AzureError
    from azure.identity import DeviceCodeCredential

    def ask(address: str, code: str, _: datetime) -> None:
        sys.stderr.write(f"Sign in at {address} with the code {code}\n")
        sys.stderr.flush()

    with DeviceCodeCredential(
        settings.api_client_id,
        tenant_id=tenant,
        authority=settings.azure_authority_host,
        disable_instance_discovery=True,  # the authority is this deployment's setting
        prompt_callback=ask,
    ) as signing:
        try:
            return signing.get_token(f"api://{settings.api_client_id}/{SCOPE}").token
        except AzureError as fault:
            seen = type(fault).__name__  # its text may quote what was sent
            raise NotAuthenticated("no_sign_in", f"expected a sign-in, saw {seen}") from None


def read_token(source: str) -> str:
    """Return the token in a file, `-` for standard input; NotAuthenticated if others can read."""
    if source == "-":
        return sys.stdin.read(LONGEST_TOKEN + 1).strip()
    try:
        with Path(source).open(encoding="ascii") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            if stat.S_IMODE(mode) & 0o077:
                sentence = f"expected a token file for its owner alone, saw {stat.filemode(mode)}"
                raise NotAuthenticated("token_file", f"{sentence}: chmod 600")
            return opened.read(LONGEST_TOKEN + 1).strip()
    except (OSError, UnicodeDecodeError) as fault:
        seen = type(fault).__name__
        raise NotAuthenticated("token_file", f"expected a file with a token, saw {seen}") from None
