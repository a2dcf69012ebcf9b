"""A stand-in for Azure Key Vault that the unmodified Azure clients accept; never deployed.

python -m local.keyvault --data DIR --cert F --key F --entra URL --ca F
    --vault NAME=PORT --tenant NAME=TENANT_ID --allow NAME=OBJECT_OR_APP_ID …

wire      the shapes: request bodies, errors, attributes
gate      who may come in: challenge, token, access list
store     what is kept: versions of secrets and keys, what was deleted (SQLite)
face      everything the secrets and keys faces share (listing, deleting, ids)
secrets   the secrets face of a vault      keys   the keys face of a vault
faults    the throttling and outages that a test asked for
server    the vaults over TLS on loopback, each on a port of its own
"""
