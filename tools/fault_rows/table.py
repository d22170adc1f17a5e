"""The fault table: fifty things that go wrong, and what is expected then."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        fault: what goes wrong.
        expected: what is to happen then.
        by_hand: what only a person with the hardware can check; empty where nothing is left.
    """

    fault: str
    expected: str
    by_hand: str = ""


ROWS: Final[dict[int, Row]] = {
    1: Row(
        "camera unplugged; its reader blocks",
        "degraded, then lost; the process that blocks is replaced; the face is recovered",
        "Unplug a USB camera in `tacit live`; plug it in again within a minute.",
    ),
    2: Row("camera gives an old picture again and again", "flagged as frozen, masked"),
    3: Row("covered lens", "flagged as black, masked; no face is looked for"),
    4: Row("the face leaves; a second face", "masked, no fault of the device; the larger is read"),
    5: Row("half the pictures; another size", "slow is said, the face is read on; no crash"),
    6: Row("quiet room", "valid, and not read as neutral"),
    7: Row(
        "microphone gives zeros",
        "muted; its silence is no measurement",
        "Use the mute key of a headset, and the privacy switch of a laptop.",
    ),
    8: Row(
        "microphone stops calling back",
        "degraded, then lost; its process is replaced",
        "Unplug a USB microphone in `tacit live`; switch a Bluetooth headset off and on.",
    ),
    9: Row("clipped sound", "the voice is masked, words are still tried"),
    10: Row("buffer of the sound card runs over", "counted, a hole in time, no shift"),
    11: Row("crystals drift by 200 ppm", "skew of at most 10 ms after a minute"),
    12: Row(
        "time of day jumps; the machine sleeps",
        "no effect; windows of the sleep are empty",
        "Close the lid of a laptop during `tacit live` for a minute.",
    ),
    13: Row("the sender's clock begins anew", "followed; no time before 0"),
    14: Row("packets out of order, doubled, replayed", "as if in order; the rest is counted"),
    15: Row("one modality never comes, or idles", "windows do not wait for it"),
    16: Row("speech to text too slow", "said to be stalled, masked; others go on"),
    17: Row("speech to text hangs", "ended and replaced"),
    18: Row("speech to text finds words in noise", "not one word in ten minutes"),
    19: Row("words come late", "they revise their windows, or are counted as late"),
    20: Row("worker killed, stopped, out of memory, does not load", "replaced; windows go on"),
    21: Row("worker dies at every start", "longer and longer waits, then it stays down, said so"),
    22: Row("native code crashes", "as a killed worker; the session lives"),
    23: Row("values that are no numbers, or of a wrong shape", "masked; never given out"),
    24: Row("recovery diverges or is too slow", "the reading without it stands, flagged"),
    25: Row("damaged or missing weights", "refused at the start, the file named"),
    26: Row("disk full, slow, read-only, writes short", "recording ends; the session goes on"),
    27: Row("killed while recording; file cut", "every whole record is read"),
    28: Row(
        "tab closed, browser killed, lid closed",
        "noticed; the place is free within ten seconds",
        "Close a tab, kill the browser, close the lid, in Chrome, Firefox and Safari.",
    ),
    29: Row(
        "network loses, delays and swaps packets",
        "nothing is lost but what the network lost",
        "Call over Wi-Fi from the far end of a building.",
    ),
    30: Row("link down for 3 s, for good", "the call goes on; or its place is freed"),
    31: Row("only sound, only pictures, a track that ends", "what is missing is said and masked"),
    32: Row("whatever takes media stalls", "memory flat, drops counted"),
    33: Row("garbage as offers and bodies", "refused in words; nothing is left behind"),
    34: Row("a thousand starts a minute, half-open calls", "429; ten seconds to connect"),
    35: Row("web sockets misused, slow viewer", "cut off; nobody else notices"),
    36: Row("callers from elsewhere", "403; no other machine is answered"),
    37: Row("malformed messages, bytes at an open port", "one named error; nothing is delivered"),
    38: Row("bus peer restarts, freezes, address taken", "followed; noticed; refused by name"),
    39: Row("slow reader on the bus", "the publisher's memory is flat"),
    40: Row("late reader on the bus", "told how things stand"),
    41: Row("too little CPU", "things are left out in a stated order; results go on"),
    42: Row("event loop stalls", "said; no sensor counts as lost for it"),
    43: Row(
        "no GPU, or it is lost",
        "the CPU does it",
        "Only with a GPU: `python -m tools.models_docs` measures it there; none is used live.",
    ),
    44: Row("nobody reads the log", "nothing waits for it"),
    45: Row("wrong settings", "refused at the start, the key named"),
    46: Row("SIGTERM, Ctrl-C twice, parent killed", "over within five seconds, no process left"),
    47: Row("no file descriptors left", "new sessions are refused, the running one goes on"),
    48: Row("a long time with random faults", "memory flat, every frame accounted for"),
    49: Row("nothing is measured", "every window abstains; no emotion is invented"),
    50: Row("a sensor that comes and goes", "at most one health event in two seconds"),
}
