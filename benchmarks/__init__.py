"""What Holdfast costs, measured beside its peers in one run.

`python -m benchmarks` writes `build/bench.json` and `docs/reference/benchmarks.md`; with `--check` it measures little and fails at gross regressions.

```
__main__ → suites (what is measured, and its targets) → sample (one measurement in a process of its own) → workload (the plans)
         → page (the table for people) · check (the comparison with what was committed) · rows · machine · databases
```
"""
