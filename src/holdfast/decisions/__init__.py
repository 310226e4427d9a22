"""What to do about a verdict: pure functions from facts to a decision that carries its reasons.

Third in the story (`fault → verdict → decision → performed`). A decision depends on the verdict, on what the ledger says was tried, on what the
plan allows and on the bounds, and on nothing else: no clock, no dice, no I/O. The settle transaction and the simulator call the same functions.
"""
