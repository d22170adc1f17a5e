import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tacit.models.baseline import BaselineRule, Population
from tacit.models.baseline_store import StoredBaseline
from tacit.models.features import MODALITIES, FeatureWindow, Modality, PastTokens, TokenGrid
from tacit.pipeline.baseline import (
    BaselineSettings,
    ModalityProfile,
    Mode,
    Profile,
    ProfileError,
    SessionBaseline,
    read_profile,
    write_profile,
)
from tacit.pipeline.config import ConfigError, load_settings
from tacit.pipeline.window import ClosedWindow

GRID = TokenGrid()
DIM = 3
SHA = "a" * 64
HOP_NS = 500_000_000
OWN = np.array([4.0, -4.0, 0.5])


def stored() -> StoredBaseline:
    one = np.ones(DIM)
    population = Population(
        mean=np.zeros(DIM),
        between=10.0 * one,
        within=one,
        offset=0.0 * one,
        offset_spread=0.1 * one,
        neutral_within=0.1 * one,
    )
    return StoredBaseline({"audio": population}, {"audio": SHA}, BaselineRule(), 3.7)


def profile(**changes: Any) -> Profile:
    part = ModalityProfile(encoder=SHA, seconds=10.0, mean=tuple(OWN))
    return Profile(modalities={"audio": part.model_copy(update=changes)})


def window(index: int, level: float = 0.0, measured: bool = True) -> ClosedWindow:
    """A window of a person whose audio tokens are `OWN` + `level`; the face is always at 9."""
    t1_ns = (index + 1) * HOP_NS
    mask = np.full(GRID.bins, measured)
    audio = np.where(mask[:, None], OWN + level, 0.0).astype(np.float32)
    values: dict[Modality, Any] = dict.fromkeys(MODALITIES, np.full((GRID.bins, 2), 9.0))
    masks: dict[Modality, Any] = dict.fromkeys(MODALITIES, np.ones(GRID.bins, np.bool_))
    found = FeatureWindow(
        "p1",
        max(0, t1_ns - GRID.window_ns),
        t1_ns,
        values | {"audio": audio},
        masks | {"audio": mask},
        dict.fromkeys(MODALITIES, 1.0),
        past={"audio": PastTokens(np.ones((2, DIM), np.float32), np.ones(2, np.float32))},
    )
    return ClosedWindow(found, index, 0)


def session(mode: Mode, known: Profile | None) -> SessionBaseline:
    return SessionBaseline(BaselineSettings(mode=mode, profile=known), stored(), GRID)


def test_a_declared_person_looks_like_the_average_one() -> None:
    seen = session("declared", profile()).apply(window(0)).window
    assert np.abs(seen.values["audio"]).max() < 0.3
    # Past tokens lie in the same space as those of the window.
    np.testing.assert_allclose(
        seen.past["audio"].values - 1.0, seen.values["audio"][:2] - OWN, atol=1e-5
    )


def test_a_declared_baseline_stays_as_it_is() -> None:
    baseline = session("declared", profile())
    first = baseline.apply(window(0, 5.0)).window
    for index in range(1, 40):
        later = baseline.apply(window(index, 5.0)).window
    np.testing.assert_array_equal(first.values["audio"], later.values["audio"])


def test_a_running_baseline_learns_after_it_has_read() -> None:
    baseline = session("running", None)
    first = baseline.apply(window(0))
    np.testing.assert_array_equal(first.window.values["audio"], window(0).window.values["audio"])
    distances = [np.abs(baseline.apply(window(k)).window.values["audio"]).max() for k in range(60)]
    assert distances[0] > distances[10] > distances[-1]
    assert distances[-1] < 0.5


def test_a_running_baseline_starts_from_the_profile() -> None:
    with_profile = session("running", profile()).apply(window(0)).window
    assert np.abs(with_profile.values["audio"]).max() < 0.3


def test_what_is_not_measured_is_neither_moved_nor_learned() -> None:
    baseline = session("running", profile())
    seen = baseline.apply(window(0, measured=False)).window
    np.testing.assert_array_equal(seen.values["audio"], np.zeros((GRID.bins, DIM)))
    fresh = session("running", profile())
    np.testing.assert_array_equal(
        baseline.apply(window(1)).window.values["audio"],
        fresh.apply(window(1)).window.values["audio"],
    )


def test_other_modalities_are_left_alone() -> None:
    seen = session("declared", profile()).apply(window(0)).window
    np.testing.assert_array_equal(seen.values["face"], np.full((GRID.bins, 2), 9.0))


def test_a_bin_that_two_windows_share_is_learned_once() -> None:
    baseline, other = session("running", None), session("running", None)
    for index in range(8):
        baseline.apply(window(index))
        other.apply(window(index))
        other.apply(replace(window(index), revision=1))
    np.testing.assert_array_equal(
        baseline.apply(window(8)).window.values["audio"],
        other.apply(window(8)).window.values["audio"],
    )


def test_a_revised_window_is_seen_as_at_first() -> None:
    baseline = session("running", None)
    first = baseline.apply(window(3)).window.values["audio"]
    for index in range(4, 20):
        baseline.apply(window(index))
    again = baseline.apply(replace(window(3), revision=1)).window.values["audio"]
    np.testing.assert_array_equal(first, again)


def test_a_profile_is_private_and_survives_the_file(tmp_path: Path) -> None:
    path = tmp_path / "me.json"
    path.write_text("old, and readable by all")
    path.chmod(0o644)
    write_profile(path, profile())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_profile(path) == profile()
    assert [p.name for p in tmp_path.iterdir()] == ["me.json"]
    assert "neutral" in json.loads(path.read_text())["what"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a baseline"),
        ("[]", "not a baseline"),
        ('{"modalities": {}}', "modalities"),
        ('{"modalities": {"audio": {"encoder": "x", "seconds": 3, "mean": [1]}}}', "encoder"),
        (
            f'{{"modalities": {{"audio": {{"encoder": "{SHA}", "seconds": 3, "mean": ["NaN"]}}}}}}',
            "mean",
        ),
        (f'{{"modalities": {{"smell": {{"encoder": "{SHA}"}}}}}}', "modalities.smell"),
        (" " * (1 << 20) + "  ", "too large"),
    ],
)
def test_a_file_that_is_no_profile_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "me.json"
    path.write_text(text)
    with pytest.raises(ProfileError, match=message) as caught:
        read_profile(path)
    assert str(path) in str(caught.value)
    assert "tacit calibrate" in str(caught.value)


def test_a_missing_profile_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"none\.json: no such baseline"):
        read_profile(tmp_path / "none.json")
    with pytest.raises(ProfileError, match="cannot be written"):
        write_profile(tmp_path / "nowhere" / "me.json", profile())


def test_mistakes_are_named() -> None:
    with pytest.raises(ProfileError, match="no profile is given"):
        session("declared", None)
    with pytest.raises(ProfileError, match="another audio encoder"):
        session("declared", profile(encoder="b" * 64))
    with pytest.raises(ProfileError, match="another audio encoder"):
        session("declared", profile(mean=(1.0,)))
    face = Profile(modalities={"face": profile().modalities["audio"]})
    with pytest.raises(ProfileError, match="holds face, and these weights can use audio"):
        session("running", face)


def test_settings_take_a_file_and_keep_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "me.json"
    write_profile(path, profile())
    settings = load_settings(None, {"baseline.profile": str(path), "baseline.mode": "declared"}, {})
    assert settings.baseline.profile == profile()
    again = type(settings).model_validate_json(settings.model_dump_json())
    assert again.baseline == settings.baseline
    with pytest.raises(ConfigError, match=r"baseline\.profile: .*no such baseline"):
        load_settings(None, {"baseline.profile": str(tmp_path / "no.json")}, {})
    with pytest.raises(ConfigError, match=r"baseline\.mode"):
        load_settings(None, {"baseline.mode": "always"}, {})
