"""The solver, where it is installed; everything in here takes it from this one place."""

from policy.prove import ProverMissing

try:
    import z3
except ImportError as missing:
    raise ProverMissing from missing

__all__ = ["z3"]
