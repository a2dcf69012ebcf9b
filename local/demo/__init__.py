"""The seed request and its variants, told as a story: `python3 -m local demo`.

Starts the local world, lets seeded people use the product over HTTP, and checks every promise in
the simulated tenant's own state and log. Exits 0 only if every variant ended as promised.
"""

from local.demo.performance import main

__all__ = ["main"]
