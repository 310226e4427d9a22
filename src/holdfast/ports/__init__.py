"""The outside world as Protocols: clock, store, steps, HTTP, sealing, outputs.

Everything above this room asks for what it needs through these; only `holdfast.wiring` knows which adapter answers.
A port has one colour: these are async, except for the verbs used *inside* a transaction, which are plain functions, because nothing
may be awaited while a lock is held.
"""
