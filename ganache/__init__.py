"""The embedded chain: start it, stop it, keep it."""

from ganache.process import ACCOUNTS, CHAIN_ID, Ganache, read_keys, start

__all__ = ["ACCOUNTS", "CHAIN_ID", "Ganache", "read_keys", "start"]
