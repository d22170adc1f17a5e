"""Errors of the stream side. The class tells whose fault it is; the message names the thing."""


class StreamError(Exception):
    """Base of everything that `tacit.stream` raises on purpose."""


class LocalError(StreamError):
    """This program asked for something impossible: a bug or a bad setting here."""


class RemoteError(StreamError):
    """The other side sent something that cannot be accepted."""


class WireError(RemoteError):
    """Received bytes are not a valid message."""


class MediaError(StreamError):
    """A media file cannot be opened or decoded."""


class ChannelClosed(StreamError):
    """The channel was closed by its other end."""


class BusError(StreamError):
    """A bus endpoint cannot be bound, reached or used."""


class RecordingError(StreamError):
    """A session file cannot be written or read."""


class DiskFull(RecordingError):
    """There is no room for a session file; there may be again."""


class DeviceError(StreamError):
    """A microphone or camera is missing, does not open, or has stopped."""
