"""The Error Recovery Manager: the deciding transactions of the protocol, and the worker that carries them out.

`begin → claim → (perform) → settle → advance`, each a plain function over one locked execution; `docs/ARCHITECTURE.md` draws it. Everything that may
be slow or fail (the call, the token, the file) happens between transactions, in `holdfast.drivers`.
"""
