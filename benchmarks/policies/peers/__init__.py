"""One file per contestant; each has `PEERS`. Loaded by name, so that one that is not installed takes nobody with it."""
