"""One folder per outside thing; each answers a port of `holdfast.ports` and knows nothing of the others. Only `holdfast.wiring` opens these doors."""
