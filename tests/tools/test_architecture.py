from pathlib import Path

import pytest

from tools import architecture
from tools.architecture import RULES, Tree, read_tree

# A small house that keeps every rule.
SOUND = {
    "stream/__init__.py": '"""Streams."""\n',
    "stream/clock.py": "import threading\n\n\ndef now_ns() -> int:\n    return 0\n",
    "models/__init__.py": "",
    "models/net.py": "import torch\nclass Net:\n    def run(self, x: int) -> int: ...\n",
    "pipeline/__init__.py": "",
    "pipeline/stages/__init__.py": "",
    "pipeline/stages/face.py": "from ...models.net import Net\nfrom ...stream import clock\n",
    "tools/train.py": "from tacit.pipeline.stages import face\n",
    "tests/models/test_net.py": "from tacit.models.net import Net\n",
    "tests/models/test_net_streaming.py": "from tools import train\n",
    "tests/test_house.py": "",
    "README.md": "Tacit\n",
}


def body(lines: int) -> str:
    return "    pass\n" * lines


PLANTED = [
    ("direction", "stream/a.py", "from ..models import net", "stream may not import tacit.models"),
    ("direction", "models/a.py", "import tacit.stream.clock", "models may not import tacit.stream"),
    ("direction", "models/a.py", "from .. import pipeline", "models may not import tacit.pipeline"),
    ("direction", "pipeline/a.py", "import tools.train", "pipeline may not import tools.train"),
    ("direction", "tools/a.py", "from tests import test_house", "tools may not import tests"),
    (
        "direction",
        "stream/a.py",
        "import importlib\nimportlib.import_module('tacit.models.net')",
        "stream may not import tacit.models.net",
    ),
    ("purity", "stream/a.py", "def f() -> None:\n    import torch.nn", "may not import torch.nn"),
    *(
        ("purity", "models/a.py", f"import {name}", f"models may not import {name}")
        for name in ("asyncio", "threading", "socket", "time", "multiprocessing", "subprocess")
    ),
    ("purity", "models/training/a.py", "from time import sleep", "models may not import time"),
    ("cycles", "stream/clock.py", "from . import clock2", "import cycle: "),
    (
        "cycles",
        "stream/clock.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .clock2 import b",
        "tacit.stream.clock",
    ),
    ("names", "stream/utils.py", "", "stream/utils.py:1: vague name 'utils'"),
    ("names", "models/helpers/a.py", "", "vague name 'helpers'"),
    ("names", "pipeline/process_manager.py", "", "vague name 'process_manager'"),
    ("names", "pipeline/a.py", "class StreamManager:\n    pass", "a.py:1: vague name"),
    ("sizes", "stream/a.py", "\n" * 401, "401 lines, more than 400"),
    ("sizes", "stream/a.py", f"def f() -> None:\n{body(60)}", "f has 61 lines, more than 60"),
    (
        "sizes",
        "stream/a.py",
        (
            "def f(a: int, b: int, c: int, *, d: int, e: int, **g: int) -> None: ...\n"
            "class A:\n"
            "    def h(self, a: int, b: int, c: int, d: int, e: int, f: int, *g: int) -> None: ..."
        ),
        "a.py:3: h has 7 parameters, more than 6",
    ),
    ("typical size", "stream/a.py", f"def f() -> None:\n{body(10)}" * 3, "median function has 11"),
    ("typical size", "stream/a.py", f"def f() -> None:\n{body(40)}", "functions have 41 lines"),
    ("annotations", "stream/a.py", "def f(a) -> int: ...", "f does not annotate a"),
    ("annotations", "stream/a.py", "def f(): ...", "f does not annotate its result"),
    (
        "annotations",
        "tests/test_a.py",
        "class A:\n    @staticmethod\n    def f(a) -> None: ...",
        "f does not annotate a",
    ),
    ("mirror", "tests/stream/test_gone.py", "", "tests no file of stream"),
    ("mirror", "tests/models/training/test_net.py", "", "tests no file of models/training"),
    ("mirror", "tests/pipeline/web/test_gone.py", "", "tests no file of pipeline/web"),
    ("mirror", "stream/large.py", "\n" * 31, "stream/large.py:1: has no test file"),
    ("traces", "README.md", "see /" + "home/someone/x", "a path of one machine"),
    ("traces", "Makefile", "pip install --index" + "-url x", "the address of a package registry"),
    ("traces", "README.md", "https://pypi" + ".org/x", "README.md:1: the address of a package"),
]


def plant(root: Path, files: dict[str, str]) -> Tree:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n" * (not text.endswith("\n")), encoding="utf-8")
    return read_tree(root)


@pytest.fixture(autouse=True)
def _no_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", "/")


@pytest.mark.parametrize("rule", RULES)
def test_a_sound_house_has_no_violation(tmp_path: Path, rule: str) -> None:
    assert RULES[rule](plant(tmp_path, SOUND)) == []


@pytest.mark.parametrize(("rule", "name", "text", "message"), PLANTED)
def test_a_planted_violation_is_found(
    tmp_path: Path, rule: str, name: str, text: str, message: str
) -> None:
    extra = {"stream/clock2.py": "from .clock import now_ns as b\n"} if rule == "cycles" else {}
    tree = plant(tmp_path, {**SOUND, **extra, name: text})
    found = RULES[rule](tree)
    assert len(found) == 1, found
    assert message in found[0]


def test_commands_may_have_many_options(tmp_path: Path) -> None:
    options = ", ".join(f"o{i}: int" for i in range(9))
    text = f"import typer\napp = typer.Typer()\n@app.command()\ndef run({options}) -> None: ...\n"
    assert RULES["sizes"](plant(tmp_path, {**SOUND, "pipeline/a.py": text})) == []


def test_a_named_exception_needs_no_test_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(architecture, "UNTESTED", {"stream/large.py": "only constants"})
    assert RULES["mirror"](plant(tmp_path, {**SOUND, "stream/large.py": "\n" * 99})) == []


def test_scripts_of_a_page_are_tested_from_the_folder_above_them(tmp_path: Path) -> None:
    script = {"pipeline/web/static/app/emotion-bars.js": "export const a = 1;"}
    tests = {"tests/pipeline/web/test_emotion_bars.py": ""}
    assert RULES["mirror"](plant(tmp_path, {**SOUND, **script, **tests})) == []
