"""The outside world behind the ports: Azure's stores and vault, Entra, Microsoft Graph.

Vendor SDKs are imported here and in `agent.channels` only, when they are first needed.
"""
