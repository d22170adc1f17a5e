"""What the page is made of: own files only, nothing inline, nothing from elsewhere."""

import re
from pathlib import Path

import pytest

from tests.fakes.browser import STATIC

TEXTS = sorted(path for path in STATIC.rglob("*.*") if path.suffix in {".js", ".css", ".html"})
NAMESPACE = "http://www.w3.org/2000/svg"
IMPORT = re.compile(r"""(?:import|export)\s(?:[^"';]*?\sfrom\s)?["'](\.[^"']+)["']""")
MAX_LINES = 400


def without_comments(path: Path) -> str:
    text = path.read_text(encoding="utf-8").replace(NAMESPACE, "")
    return re.sub(r"/\*.*?\*/|<!--.*?-->|^\s*//[^\n]*$", "", text, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_nothing_is_loaded_from_elsewhere_and_files_stay_readable(path: Path) -> None:
    text = without_comments(path)
    assert re.search(r"(?:https?:)?//(?!localhost)[a-z]", text.replace("://localhost", "")) is None
    assert text.count("\n") <= MAX_LINES
    for name in IMPORT.findall(text):
        assert (path.parent / name).is_file(), f"{path.name} imports {name}, which is not there"


def test_the_page_has_no_script_or_style_inline() -> None:
    text = without_comments(STATIC / "index.html")
    assert re.findall(r"<script(?![^>]*\ssrc=)[^>]*>", text) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", text) == []
    for name in re.findall(r"""(?:src|href)="(static/[^"]+)""", text):
        assert (STATIC.parent / name).is_file()


def test_the_module_for_other_pages_depends_on_nothing() -> None:
    assert IMPORT.findall(without_comments(STATIC / "tacit.js")) == []
    assert IMPORT.findall(without_comments(STATIC / "tacit-meter.js")) == ["./tacit.js"]


def test_the_types_name_what_the_module_has() -> None:
    script, types = without_comments(STATIC / "tacit.js"), (STATIC / "tacit.d.ts").read_text()
    body = script[script.index("export class Tacit {") :]
    head = r"^  (?:static )?(?:async )?(?:get )?([a-z]\w+)\("
    public = set(re.findall(head, body, re.MULTILINE)) - {"constructor"}
    assert {"connect", "play", "watch", "info", "on", "close", "withdraw", "inject"} <= public
    declared = types[types.index("export class Tacit ") :]
    missing = [name for name in public if re.search(rf"\b{name}\b", declared) is None]
    assert missing == []


def test_the_types_name_every_kind_of_event() -> None:
    script, types = without_comments(STATIC / "tacit.js"), (STATIC / "tacit.d.ts").read_text()
    table = script[script.index("const KINDS") : script.index("};", script.index("const KINDS"))]
    for kind, name in re.findall(r'"?([\w.]+)"?: "(\w+)"', table):
        assert f'"{kind}"' in types, kind
        assert re.search(rf"^  {name}: ", types, re.MULTILINE), name
