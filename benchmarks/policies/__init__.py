"""Policies beside their peers: what a guarded call costs, and which of the known traps each library falls into.

```
suite (rows for `benchmarks`) → measure (cells, in a process of its own) → timing → peer (what a contestant offers) → peers/ (one file each)
traps (the run) → probes_* (one function per trap) → peer          comparison (the page from both)
```

The peers live in an environment of their own (`.venv-bench`), because what they bring along is no business of the project's. Whatever is not
installed is left out, and the page says so.
"""
