"""How the policy tests explore: without a deadline, leaving nothing behind, repeatable in CI."""

import os

from hypothesis import settings

settings.register_profile(
    "policy", deadline=None, database=None, max_examples=100, derandomize="CI" in os.environ
)
settings.load_profile("policy")
