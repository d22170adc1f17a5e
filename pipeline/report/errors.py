"""What can go wrong with a report."""

from ..errors import UserError


class ReportError(UserError, ValueError):
    """A report or figure cannot be made; the message says what to do."""
