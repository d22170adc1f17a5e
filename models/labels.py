"""The seven expressed-emotion classes and the maps into them from each data set's own labels."""

from typing import Final, Literal, get_args

Emotion = Literal["neutral", "happiness", "sadness", "anger", "fear", "disgust", "surprise"]

EMOTIONS: Final[tuple[Emotion, ...]] = get_args(Emotion)
INDEX: Final[dict[Emotion, int]] = {name: i for i, name in enumerate(EMOTIONS)}

RAVDESS: Final[dict[str, Emotion]] = {
    "01": "neutral",
    "02": "neutral",  # calm
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
"""RAVDESS file-name field 3 to class; calm counts as neutral."""

FERPLUS: Final[dict[str, Emotion]] = {
    "neutral": "neutral",
    "happiness": "happiness",
    "surprise": "surprise",
    "sadness": "sadness",
    "anger": "anger",
    "disgust": "disgust",
    "fear": "fear",
}
"""FER+ vote column to class; contempt, unknown and NF have no class."""

EKMAN: Final[dict[str, Emotion]] = {
    "neutral": "neutral",
    "joy": "happiness",
    "sadness": "sadness",
    "anger": "anger",
    "fear": "fear",
    "disgust": "disgust",
    "surprise": "surprise",
}
"""Ekman names as GoEmotions and MELD spell them to class."""
