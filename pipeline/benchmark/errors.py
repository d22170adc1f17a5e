"""Errors of comparisons."""

from ..errors import UserError


class BenchmarkError(UserError):
    """A comparison cannot be run; the message says why."""
