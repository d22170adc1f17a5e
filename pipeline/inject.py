"""Deliberate damage to decoded media, so that the rest has to notice it by itself.

What is damaged on its way, such as words, is in `inject_text`.

A specification is a comma-separated list of `modality:kind[=value][@from-to]`, times in seconds of
the session, for example `face:freeze@2-4,audio:noise=5@1-3,text:off`. Without `@` the damage lasts
for the whole stream, with an open end (`@2-`) until its end.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..models import degradations
from ..models.degradations import LowPassFilter, RoomFilter, Scale
from ..models.degradations.registry import BURST_S
from ..stream.packet import MODALITIES, NS_PER_S, Modality, Packet
from .errors import UserError

Kind = Literal[
    "drop", "freeze", "black", "noise", "pink", "impulse", "reverb", "lowpass", "clip", "mute",
    "bursts", "blur", "dark", "occlude", "rate", "delay", "wer", "off",
]  # fmt: skip
Samples = NDArray[np.float32]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
AUDIO_HZ: Final = 16_000
SPEECH_RMS: Final = 0.05
"""Nominal level of active speech, -26 dB below full scale (ITU-T P.56 practice)."""


class InjectError(UserError, ValueError):
    """The specification of the damage cannot be understood."""


def _scale(name: str, middle: float | None = None) -> tuple[Scale, float]:
    scale = degradations.SCALES[name]
    return scale, scale.middle if middle is None else middle


_DELAY: Final = _scale("text:delay", 0.5)

_FITS: Final[Mapping[Modality, Mapping[Kind, tuple[Scale, float] | None]]] = {
    "audio": {
        "drop": None,
        "freeze": None,
        "noise": _scale("audio:noise"),
        "pink": _scale("audio:pink"),
        "reverb": _scale("audio:reverb"),
        "lowpass": _scale("audio:lowpass"),
        "clip": _scale("audio:clip"),
        "mute": None,
        "bursts": _scale("audio:bursts"),
        "delay": _DELAY,
        "off": None,
    },
    "face": {
        "drop": None,
        "freeze": None,
        "black": None,
        "noise": _scale("face:noise"),
        "impulse": _scale("face:impulse"),
        "blur": _scale("face:blur"),
        "dark": _scale("face:dark"),
        "occlude": _scale("face:occlude"),
        "rate": _scale("face:rate"),
        "delay": _DELAY,
        "off": None,
    },
    "text": {"delay": _scale("text:delay"), "wer": _scale("text:wer"), "off": None},
}
"""Which kinds fit which modality, what the value of a kind means and what it is by default."""

_SAMPLE_WISE: Final = frozenset({"noise", "pink", "reverb", "lowpass", "clip", "mute", "bursts"})

_ITEM: Final = re.compile(
    r"(?P<modality>[^:=@]*):(?P<kind>[^:=@]*)(?:=(?P<value>[^@]*))?(?:@(?P<times>.*))?"
)
_TIMES: Final = re.compile(r"(?P<start>\d{1,7}(?:\.\d{1,9})?)-(?P<end>\d{1,7}(?:\.\d{1,9})?)?")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Injection:
    """One stretch of damage to one stream.

    Attributes:
        modality: which stream.
        kind: what happens to it.
        t0_ns: start of the stretch, session clock.
        t1_ns: its end (exclusive), or None for the end of the stream.
        value: how strong, in the unit of the kind's scale in `degradations.SCALES`; for noise and
            pink the SNR in dB against the speech level; 0 for kinds without a value.
    """

    modality: Modality
    kind: Kind
    t0_ns: int = 0
    t1_ns: int | None = None
    value: float = 0.0

    def holds(self, t_ns: int) -> bool:
        """Whether the damage is on at `t_ns`."""
        return self.t0_ns <= t_ns and (self.t1_ns is None or t_ns < self.t1_ns)


def parse_injections(spec: str) -> tuple[Injection, ...]:
    """Read a specification such as `face:freeze@2-4,audio:drop@3-5,text:off`.

    Args:
        spec: see the module; an empty string means no damage.

    Returns:
        The injections in the order given, which is the order in which they are applied.

    Raises:
        InjectError: something in it is unknown, does not fit or is no valid stretch of time.
    """
    return tuple(_parse_item(item.strip()) for item in spec.split(",")) if spec.strip() else ()


def is_off(injections: Iterable[Injection], modality: Modality) -> bool:
    """Whether a modality is to be switched off as a whole, so that it is not even started."""
    return any(i.modality == modality and i.kind == "off" for i in injections)


def _parse_item(item: str) -> Injection:
    matched = _ITEM.fullmatch(item)
    if matched is None:
        raise InjectError(f"injection {item!r} is not of the form modality:kind[=value][@from-to]")
    modality = _known_modality(matched["modality"], item)
    kind = _known_kind(matched["kind"], modality, item)
    value = _parse_value(matched["value"], modality, kind, item)
    if kind == "off" and matched["times"] is not None:
        raise InjectError(f"injection {item!r}: off holds for the whole stream and takes no times")
    t0_ns, t1_ns = _parse_times(matched["times"], item)
    return Injection(modality, kind, t0_ns, t1_ns, value)


def _known_modality(name: str, item: str) -> Modality:
    for modality in MODALITIES:
        if name == modality:
            return modality
    known = ", ".join(MODALITIES)
    raise InjectError(f"injection {item!r}: unknown modality {name!r}; known: {known}")


def _known_kind(name: str, modality: Modality, item: str) -> Kind:
    fits = _FITS[modality]
    for kind in KINDS:
        if name == kind and kind in fits:
            return kind
    problem = "kind does not fit" if name in KINDS else "unknown kind for"
    raise InjectError(
        f"injection {item!r}: {problem} {modality}: {name!r}; known: {', '.join(fits)}"
    )


def _parse_value(text: str | None, modality: Modality, kind: Kind, item: str) -> float:
    meaning = _FITS[modality][kind]
    if meaning is None:
        if text is not None:
            raise InjectError(f"injection {item!r}: {kind} takes no value, not {text!r}")
        return 0.0
    scale, default = meaning
    if text is None:
        return default
    value = float(text) if _NUMBER.fullmatch(text) else np.nan
    if not scale.low <= value <= scale.high:
        raise InjectError(
            f"injection {item!r}: {kind} needs a number from {scale.low:g} to {scale.high:g} "
            f"({scale.unit}), not {text!r}"
        )
    return value


def _parse_times(text: str | None, item: str) -> tuple[int, int | None]:
    if text is None:
        return 0, None
    matched = _TIMES.fullmatch(text)
    if matched is None:
        raise InjectError(f"injection {item!r}: {text!r} is not from-to in seconds, such as 2-4.5")
    t0_ns = _to_ns(matched["start"])
    t1_ns = None if matched["end"] is None else _to_ns(matched["end"])
    if t1_ns is not None and t1_ns <= t0_ns:
        raise InjectError(f"injection {item!r}: {text!r} ends before it starts")
    return t0_ns, t1_ns


def _to_ns(seconds: str) -> int:
    return round(float(seconds) * NS_PER_S)


def damage(
    packets: Iterable[Packet],
    injections: Sequence[Injection],
    seed: int = 0,
    speech_rms: float = SPEECH_RMS,
) -> Iterator[Packet]:
    """Apply damage to decoded media; all else passes as it is.

    Damage to sound itself (noise, reverb, mute and so on) starts and ends at the exact sample;
    other damage takes the packets whose first sample lies in the stretch. Dropped packets leave a
    hole in `seq`, as real loss does. Delay moves `t_available_ns` only; packets still come out in
    the order in which they came in. Noise depends on time and seed alone, not on how the stream is
    cut or where reading starts; filters begin with the stretch. Freezing repeats the last packet
    that was let through; a stream that is frozen from its first packet holds that one.

    Args:
        packets: of any kinds and modalities; only "media" is damaged, audio being 16 kHz mono.
        injections: what to do, applied in this order.
        seed: chooses the noise.
        speech_rms: the level, relative to full scale, that audio SNRs refer to.

    Yields:
        The packets that are left, in the order given, with their times as they were.
    """
    stages = [Damage(injection, seed, speech_rms) for injection in injections]
    for packet in packets:
        left: Packet | None = packet
        for stage in stages:
            if left is not None and left.kind == "media":
                left = stage.apply(left)
        if left is not None:
            yield left


class Damage:
    """One injection at work on one stream.

    Args:
        injection: what to do.
        seed: chooses the noise.
        speech_rms: the level, relative to full scale, that audio SNRs refer to.
    """

    def __init__(self, injection: Injection, seed: int = 0, speech_rms: float = SPEECH_RMS) -> None:
        self._injection = injection
        self._seed = seed
        self._speech_rms = speech_rms
        self._held: NDArray[Any] | None = None
        self._last_ns: int | None = None
        self._filter = _filter_of(injection, seed)
        self._past = None if self._filter is None else self._filter.initial_state()

    def apply(self, packet: Packet) -> Packet | None:
        """The damaged packet, or None when it is lost."""
        injection = self._injection
        if packet.modality != injection.modality:
            return packet
        if injection.kind in _SAMPLE_WISE and packet.modality == "audio":
            return self._edit_samples(packet)
        if not injection.holds(packet.t_capture_ns):
            if injection.kind == "freeze":
                self._held = packet.data
            return packet
        return self._spoil(packet)

    def _spoil(self, packet: Packet) -> Packet | None:
        match self._injection.kind:
            case "freeze":
                return replace(packet, data=self._hold(packet))
            case "black":
                return replace(packet, data=np.zeros_like(packet.data))
            case "noise" | "impulse" | "blur" | "dark" | "occlude":
                return replace(packet, data=self._damaged_picture(packet))
            case "rate":
                return packet if self._is_kept(packet.t_capture_ns) else None
            case "delay":
                late_ns = round(self._injection.value * NS_PER_S)
                return replace(packet, t_available_ns=packet.t_available_ns + late_ns)
            case _:
                return None

    def _damaged_picture(self, packet: Packet) -> NDArray[Any]:
        """Noise is new in every picture; what covers a part of it stays where it is."""
        moving = self._injection.kind in ("noise", "impulse")
        moment_ns = max(0, packet.t_capture_ns) if moving else self._injection.t0_ns
        source = np.random.default_rng((self._seed, moment_ns))
        spoil = degradations.PICTURES[f"face:{self._injection.kind}"]
        return spoil(packet.data, self._injection.value, source)

    def _is_kept(self, t_ns: int) -> bool:
        """Whether a camera of the lower rate delivers the picture taken at `t_ns`."""
        before, self._last_ns = self._last_ns, t_ns
        if before is None:
            return True
        times_ns = np.array([before, t_ns], dtype=np.int64)
        return bool(degradations.kept_frames(times_ns, self._injection.value)[1])

    def _hold(self, packet: Packet) -> NDArray[Any]:
        if self._held is None or self._held.size == 0:
            self._held = packet.data
        if packet.modality == "audio":
            return np.resize(self._held, packet.data.shape)
        return self._held

    def _edit_samples(self, packet: Packet) -> Packet:
        begin = _sample_at(packet.t_capture_ns)
        first = _sample_at(self._injection.t0_ns) - begin
        last = packet.data.size
        if self._injection.t1_ns is not None:
            last = min(last, _sample_at(self._injection.t1_ns) - begin)
        first = max(first, 0)
        if first >= last:
            return packet
        samples: Samples = packet.data.copy()
        samples[first:last] = self._edited(samples[first:last], begin + first)
        return replace(packet, data=samples)

    def _edited(self, samples: Samples, first: int) -> Samples:
        value, first = self._injection.value, max(0, first)
        if self._filter is not None and self._past is not None:
            filtered, self._past = self._filter.step(samples, self._past)
            return np.clip(filtered, -1.0, 1.0)
        match self._injection.kind:
            case "mute":
                return np.zeros_like(samples)
            case "bursts":
                burst = round(BURST_S * AUDIO_HZ)
                muted = degradations.muted_at(first, samples.size, value, burst, self._seed)
                return np.where(muted, np.float32(0.0), samples)
            case "clip":
                return degradations.overdrive(samples, value)
            case kind:
                level = self._speech_rms * 10.0 ** (-value / 20.0)
                make = degradations.pink_noise if kind == "pink" else degradations.white_noise
                noise = make(first, samples.size, self._seed)
                return np.clip(samples + np.float32(level) * noise, -1.0, 1.0)


def _filter_of(injection: Injection, seed: int) -> LowPassFilter | RoomFilter | None:
    """What damages sound by way of its past, if the injection does."""
    if injection.kind == "lowpass":
        return LowPassFilter(injection.value, AUDIO_HZ)
    if injection.kind == "reverb":
        return RoomFilter(injection.value, AUDIO_HZ, seed)
    return None


def _sample_at(t_ns: int) -> int:
    return (t_ns * AUDIO_HZ + NS_PER_S // 2) // NS_PER_S
