from tacit.models.labels import EKMAN, EMOTIONS, FERPLUS, INDEX, RAVDESS


def test_the_classes_keep_their_order() -> None:
    assert EMOTIONS == (
        "neutral",
        "happiness",
        "sadness",
        "anger",
        "fear",
        "disgust",
        "surprise",
    )
    assert [INDEX[name] for name in EMOTIONS] == list(range(7))


def test_every_data_set_reaches_every_class() -> None:
    for names in (RAVDESS, FERPLUS, EKMAN):
        assert set(names.values()) == set(EMOTIONS)


def test_calm_is_neutral_and_contempt_has_no_class() -> None:
    assert RAVDESS["02"] == "neutral"
    assert len(RAVDESS) == 8
    assert "contempt" not in FERPLUS
