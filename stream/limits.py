"""Every size, rate and time limit of `tacit.stream`, in one place.

Input beyond a limit is refused with a documented error, before memory is allocated for it.
"""

from typing import Final

from .packet import NS_PER_MS, NS_PER_S

# Wire: one encoded message.
MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024
MAX_HEADER_BYTES: Final = 64 * 1024
MAX_ARRAYS: Final = 16
MAX_ARRAY_NDIM: Final = 4
MAX_DIMENSION: Final = 1 << 24
MAX_FIELD_DEPTH: Final = 8
MAX_FIELD_ITEMS: Final = 4096
MAX_TEXT_CHARS: Final = 16 * 1024
MAX_NAME_CHARS: Final = 128

# Packets.
MAX_PICTURE_SIDE: Final = 1920
MAX_AUDIO_SAMPLES: Final = 48_000 * 2
MAX_TIME_NS: Final = 10 * 365 * 24 * 3600 * NS_PER_S

# Bus.
BUS_HIGH_WATER_MARK: Final = 32
BUS_LINGER_MS: Final = 1000
BUS_HANDSHAKE_MS: Final = 5000
BUS_HEARTBEAT_MS: Final = 250
BUS_HEARTBEAT_MISSES: Final = 3
BUS_RECONNECT_MS: Final = 10
BUS_RECONNECT_MAX_MS: Final = 500
BUS_MAX_SOURCES: Final = 64
# sun_path holds 108 bytes with the closing NUL (unix(7)).
MAX_IPC_PATH_BYTES: Final = 107

# Media files.
MEDIA_MAX_SIDE: Final = 640
MEDIA_MAX_PIXELS: Final = 7680 * 4320
MEDIA_PROBE_PACKETS: Final = 4000
# Less than this between expected and real pts is the container's rounding, not a gap.
AUDIO_GAP_NS: Final = 5 * NS_PER_MS
# Decoding starts this much before a seek target: codecs and the resampler need a run-up.
SEEK_PREROLL_NS: Final = NS_PER_S

# Channels.
MAX_CHANNEL_CAPACITY: Final = 65_536

# Session files.
MAX_RECORD_BYTES: Final = 8 * 1024 * 1024
MAX_ATTACHMENT_BYTES: Final = 256 * 1024 * 1024
CHECKPOINT_BYTES: Final = 256 * 1024
CHECKPOINT_NS: Final = NS_PER_S
# Recording stops when the disk has less than both of these left.
MIN_FREE_BYTES: Final = 500 * 1024 * 1024
MIN_FREE_SHARE: Final = 0.07
RECORDING_BACKLOG: Final = 4096

# Local devices.
# Five seconds of sound: longer than any pause of the process that reads it.
CAPTURE_BACKLOG: Final = 250
CAPTURE_STALL_NS: Final = NS_PER_S
MICROPHONE_OPEN_NS: Final = 5 * NS_PER_S
MICROPHONE_CHANNELS: Final = 2
# A picture is a device's whole second late before the camera counts as gone.
CAMERA_STALL_NS: Final = 2 * NS_PER_S
CAMERA_OPEN_NS: Final = 5 * NS_PER_S

# Server: what one caller may ask of it.
MAX_OFFER_BYTES: Final = 64 * 1024
MAX_OFFER_MEDIA: Final = 4
MAX_OFFER_CANDIDATES: Final = 64
MAX_JSON_BYTES: Final = 16 * 1024
MAX_UPLOAD_BYTES: Final = 256 * 1024 * 1024
MAX_SESSIONS: Final = 4
MAX_STARTS_PER_MINUTE: Final = 60
BODY_S: Final = 5.0
CONNECT_S: Final = 10.0
NEGOTIATE_S: Final = 5.0
# A peer whose media stopped is given up after this, so that its place is free within ten seconds;
# aiortc itself takes half a minute.
PEER_GONE_NS: Final = 9 * NS_PER_S
MAX_SOCKETS: Final = 32
MAX_SOCKET_MESSAGE_BYTES: Final = 64 * 1024
MAX_SOCKET_MESSAGES_PER_S: Final = 50
SOCKET_PING_S: Final = 10.0
SOCKET_LAG_NS: Final = NS_PER_S
VIEWER_QUEUE: Final = 256
