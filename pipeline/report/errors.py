"""What can go wrong with a report."""


class ReportError(ValueError):
    """A report or figure cannot be made; the message says what to do."""
