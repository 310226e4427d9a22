"""Running plans as pure functions: what a frozen plan is, what is ready, what references mean, what request an action makes, what state to show.

This room knows the wire models and the rows. It performs nothing and asks no clock.
"""
