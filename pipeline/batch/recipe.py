"""How a batch reads its inputs, and what tells whether an old result is still the right one."""

import hashlib
import importlib.metadata
import json
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from ...models.errors import ModelError
from ...models.manifest import combined_hash, read_verified
from ...models.whisper_weights import resolve_whisper
from ..config import Settings
from ..doctor import checkpoints
from ..inject import parse_injections
from ..plan import OPTIONAL_ASR, window_config
from .inputs import BatchError, BatchInput, sha256_of

FORMAT: Final = 1
"""Raised whenever the same inputs and settings would give another part file."""


class Recipe(BaseModel):
    """Everything, beside the input itself, that decides a part file.

    Attributes:
        settings: of the run; its `asr` is a folder or "off".
        inject: damage specification, see `inject`.
        model_sha256: over all checkpoints.
        asr_sha256: of the Whisper weights; empty without.
        landmarker_sha256: of the landmarker file; empty for the bundled mesh.
        version: of this program.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    settings: Settings
    inject: str = ""
    model_sha256: str
    asr_sha256: str = ""
    landmarker_sha256: str = ""
    version: str

    def facts(self) -> dict[str, Any]:
        """What decides a part file, without places on this machine."""
        settings = self.settings.model_dump(mode="json", exclude={"weights", "asr"})
        settings["face"].pop("landmarker")
        return {
            "format": FORMAT,
            "settings": settings,
            "inject": self.inject,
            "model_sha256": self.model_sha256,
            "asr_sha256": self.asr_sha256,
            "landmarker_sha256": self.landmarker_sha256,
            "version": self.version,
        }

    def fingerprint(self, source: BatchInput, input_sha256: str) -> str:
        """The same exactly when the part file would be the same."""
        facts = [self.facts(), source.name, source.participant, input_sha256]
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def make_recipe(settings: Settings, inject: str = "") -> Recipe:
    """Check everything that all inputs share.

    Raises:
        InjectError: the damage specification is wrong.
        ConfigError: windows cannot be cut that way.
        ModelError: weights are missing or damaged, or the speech model asked for is not there.
        BatchError: a file that the settings name cannot be read.
    """
    parse_injections(inject)
    window_config(settings)
    hashes = {
        k: read_verified(settings.weights / k, k)[1].sha256 for k in checkpoints(settings.weights)
    }
    whisper = resolve_whisper(settings.asr)
    if whisper.path is None and settings.asr not in OPTIONAL_ASR:
        raise ModelError(whisper.reason)
    asr = "off" if whisper.path is None else str(whisper.path.absolute())
    landmarker = settings.face.landmarker
    try:
        return Recipe(
            settings=settings.model_copy(
                update={"asr": asr, "weights": settings.weights.absolute()}
            ),
            inject=inject,
            model_sha256=combined_hash(hashes),
            asr_sha256="" if whisper.path is None else sha256_of(whisper.path / "model.bin"),
            landmarker_sha256="" if landmarker is None else sha256_of(landmarker),
            version=importlib.metadata.version("tacit"),
        )
    except OSError as exc:
        raise BatchError(f"{exc.filename}: cannot be read ({exc.strerror})") from exc
