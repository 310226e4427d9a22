"""Comparison of `holdfast.contract` with the real zod: see the README beside this file."""
