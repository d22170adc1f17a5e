"""Opens Whisper weights for the transcriber, on this machine alone."""

from faster_whisper import WhisperModel

from .errors import ModelError
from .transcriber import SpeechModel
from .whisper_weights import locate_whisper


def load_whisper(
    name_or_path: str, *, device: str = "cpu", compute_type: str = "int8", threads: int = 1
) -> SpeechModel:
    """Open a Whisper model from a local folder; nothing is fetched.

    Args:
        name_or_path: a name such as "base", or a folder in CTranslate2 form.
        device: "cpu" or "cuda".
        compute_type: of CTranslate2; "int8" is the fastest on a CPU.
        threads: CPU threads.

    Raises:
        ModelError: no such weights here, or they cannot be used; says how to get some.
    """
    folder = locate_whisper(name_or_path)
    try:
        model: SpeechModel = WhisperModel(
            str(folder),
            device=device,
            compute_type=compute_type,
            cpu_threads=threads,
            local_files_only=True,
        )
    except (RuntimeError, ValueError, OSError, MemoryError) as exc:
        first = " ".join(str(exc).split())[:200]
        raise ModelError(f"{folder}: cannot be opened ({first}); fetch the model again") from exc
    return model
