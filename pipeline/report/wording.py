"""States, reasons and times as people read them."""

from collections.abc import Mapping
from typing import Final

from ..health_rules import HealthState

SENSORS: Final[Mapping[str, str]] = {"audio": "Voice", "face": "Face", "text": "Words"}

STATES: Final[Mapping[HealthState, str]] = {
    HealthState.STARTING: "starting",
    HealthState.OK: "fine",
    HealthState.DEGRADED: "degraded",
    HealthState.LOST: "lost",
    HealthState.MUTED: "muted",
    HealthState.DISABLED: "switched off",
    HealthState.RECOVERING: "coming back",
}

REASONS: Final[Mapping[str, str]] = {
    "nonfinite": "the data were not numbers",
    "silent": "digital silence: muted or unplugged",
    "stuck": "the same sound over and over",
    "clipped": "the sound was too loud and clipped",
    "quiet": "a quiet room",
    "black": "the picture was black",
    "frozen": "the picture was frozen",
    "no_face": "no face was in the picture",
    "dark": "the picture was too dark",
    "blurred": "the picture was blurred",
    "noisy": "it was full of noise",
    "two_faces": "two faces; the larger one was read",
    "overflow": "the device lost some of it",
    "late": "words came long after they were said",
    "babble": "words where there was nothing to hear; they were left out",
    "no_data": "no data arrived",
    "stalled": "its recognition fell behind or stopped",
    "low_rate": "data came more slowly than at first",
    "worker_died": "its program ended and was started again",
    "worker_hung": "its program did not answer and was started again",
    "worker_memory": "its program took too much memory and was started again",
    "source_failed": "its source failed",
    "no_audio_stream": "the recording holds no sound",
    "no_video_stream": "the recording holds no picture",
    "switched_off": "it was switched off",
}

NOTHING_SAID: Final = "nothing was said"
TOO_LITTLE: Final = "too little of the window could be measured"

NOTES: Final = (
    (
        "Expressed is not felt. The page shows how a face, a voice and words would be read by the "
        "people who labelled the training data, not what anybody felt, meant or intended."
    ),
    (
        "A hatched stretch was not measured. Where it says “guessed”, the value was recovered "
        "from the other sensors: leave such values out of any analysis that needs measurements."
    ),
    (
        "Grey shading means that no emotion is claimed, because too little was measured or nothing "
        "stood out. Don't fill these times with the likeliest emotion."
    ),
    (
        "The band around a line is how far apart the sensors are when each is read alone. It is no "
        "confidence interval: sensors may agree and be wrong."
    ),
    (
        "Accuracy was measured on the data named in the model cards, mostly acted or posed. With "
        "other people, languages, cameras and rooms it is lower by an amount that nobody knows."
    ),
    (
        "The weights may be used only as the licences of their training data allow, listed under "
        "Models. Some allow research and other non-commercial use only."
    ),
    (
        "Not for decisions about people, nor at work or in schools in the European Union, where "
        "article 5(1)(f) of the AI Act forbids it but for medical or safety reasons."
    ),
)


def reason_in_words(reason: str | None) -> str:
    """What a reason of an event means; one that is not known here is given as it is."""
    if not reason:
        return ""
    return REASONS.get(reason, reason.replace("_", " "))


def why_unmeasured(modality: str, reason: str | None) -> str:
    """Why a window holds no measurement of a modality whose stream gives this reason."""
    if reason:
        return reason_in_words(reason)
    return NOTHING_SAID if modality == "text" else TOO_LITTLE


def clock(t_ms: int) -> str:
    """A session time as `m:ss.t`, with hours in front when there are any."""
    tenths = round(t_ms / 100)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{tenths // 10:02d}.{tenths % 10}"
    return f"{hours}:{minutes:02d}:{seconds}" if hours else f"{minutes}:{seconds}"


def duration(t_ms: int) -> str:
    """A length of time with its unit."""
    if t_ms < 60_000:
        return f"{t_ms / 1000:.1f} s"
    minutes, seconds = divmod(round(t_ms / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def percent(share: float | None) -> str:
    """A share as per cent; `not measured` when there is none."""
    return "not measured" if share is None else f"{share * 100:.0f} %"
