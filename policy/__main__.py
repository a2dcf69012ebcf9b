"""`python3 -m policy`: rules on the command line.

The one place where `policy` meets `agent`: the commands that reach a tenant's tables get their desk
here. It is imported only when such a command runs; all else works without the agent and its SDKs.
"""

import sys

from policy.cli import main
from policy.desk import Desk


def _open_desk(tenant: str, token_file: str | None) -> Desk:
    from agent.policy_desk import TenantDesk

    return TenantDesk(tenant, token_file)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], _open_desk))
