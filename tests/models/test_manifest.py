from pathlib import Path

import pytest

from tacit.models.errors import CheckpointError
from tacit.models.manifest import (
    SHIPPED,
    Manifest,
    combined_hash,
    read_manifest,
    read_verified,
    render_card,
)

CARD = Manifest(
    kind="test",
    config={},
    data=["a set"],
    licence="Apache-2.0",
    split="by speaker",
    seed=3,
    metrics={"test.uar": 0.25, "test.accuracy": 0.5},
    notes=["Knows two sentences."],
    sha256="ab" * 32,
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not readable as JSON"),
        ("[]", "not a manifest"),
        ('{"format": 2}', "not a manifest of format 1"),
        ('{"format": 1, "kind": "test"}', "wrong fields"),
        ("[" * 100_000, "not readable as JSON"),
    ],
)
def test_a_bad_manifest_is_one_clear_error(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(CheckpointError, match=message):
        read_manifest(tmp_path)


def test_the_card_says_what_the_manifest_says() -> None:
    card = render_card(CARD, 1_500_000)
    for words in ("1.50 MB", "ab" * 32, "Apache-2.0", "by speaker", "a set", "Knows two sentences"):
        assert words in card
    assert card.index("test.accuracy | 0.5000") < card.index("test.uar | 0.2500")
    assert "expressed" in card


def test_one_hash_stands_for_all_parts_in_any_order() -> None:
    both = combined_hash({"face": "1", "audio": "2"})
    assert both == combined_hash({"audio": "2", "face": "1"})
    assert both != combined_hash({"face": "2", "audio": "1"})


@pytest.mark.parametrize("kind", ["face", "audio", "text", "baseline", "fusion", "recovery"])
def test_every_shipped_card_is_the_one_of_its_manifest(kind: str) -> None:
    folder = SHIPPED / kind
    manifest = read_manifest(folder)
    size = (folder / "model.safetensors").stat().st_size
    assert (folder / "card.md").read_text() == render_card(manifest, size)
    assert manifest.kind == kind
    assert manifest.licence
    assert manifest.data
    assert manifest.notes


def test_what_ships_is_small() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*")) < 25 * 1024 * 1024


@pytest.mark.parametrize("name", ["model.safetensors", "manifest.json"])
def test_a_device_in_place_of_a_file_is_refused_and_not_read(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "face"
    folder.mkdir()
    for file in ("model.safetensors", "manifest.json"):
        (folder / file).write_bytes((SHIPPED / "face" / file).read_bytes())
    read_verified(folder, "face")
    (folder / name).unlink()
    (folder / name).symlink_to("/dev/zero")
    with pytest.raises(CheckpointError, match=f"{name}: is no plain file"):
        read_verified(folder, "face")
