"""Many faults seen as few: how many of which kind in a sliding window, in which groups, and whether that is an incident.

```
verdict ─▶ FaultWindow.record ─▶ counts (exact) · groups (the largest) ─▶ analyse ─▶ NoErrors | NormalOperation | PatternDetected | HighErrorRate
                                                                      └─▶ look ───▶ Incidents: opened, updated, resolved
```

Pure: the time of each fault comes in as an argument, and what changed goes out as a value. Who tells it to whom is the business of
`holdfast.guards.correlating` (one process) and `holdfast.hold.faults` (the journal of all workers).
"""
