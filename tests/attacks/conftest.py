"""The stores that are attacked: the same Azurite and tables as the store tests use."""

from tests.stores.conftest import account, clock, fresh_table, storage

__all__ = ["account", "clock", "fresh_table", "storage"]
