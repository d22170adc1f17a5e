"""What goes wrong in a training run that its user can put right."""

from ..errors import UserError


class TrainError(UserError, ValueError):
    """A run cannot be started or go on; the message names what to change."""
