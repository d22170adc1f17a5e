import sys
from types import ModuleType
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from tacit.pipeline.cli import BENCH, COMMANDS
from tacit.pipeline.commands.lazy import Deferred, deferred_app

pytestmark = pytest.mark.unit

HERE = "tacit.pipeline.commands"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A module with a command and a group, which tells when it is used."""
    told: list[Any] = []
    group = typer.Typer(help="Things.")

    def one(name: str, loud: bool = False) -> None:
        """Say a name."""
        told.append((name, loud))

    @group.command()
    def first() -> None:
        """First thing."""
        told.append("first")

    @group.command()
    def second() -> None:
        """Second thing."""
        raise typer.Exit(3)

    module = ModuleType(f"{HERE}.made_up")
    module.one, module.group = one, group  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return told


APP = deferred_app(
    "made-up",
    "A program.",
    {
        "one": Deferred("made_up", "one", "Say a name."),
        "group": Deferred("made_up", "group", "Things."),
        "gone": Deferred("not_there_at_all", "gone", "Never imported."),
    },
)


def test_the_list_of_commands_imports_none_of_them() -> None:
    done = CliRunner().invoke(APP, ["--help"])
    assert done.exit_code == 0
    for words in ("one", "Say a name.", "group", "Things.", "Never imported."):
        assert words in done.output


def test_a_command_gets_its_arguments_and_options(told: list[Any]) -> None:
    assert CliRunner().invoke(APP, ["one", "ada", "--loud"]).exit_code == 0
    assert told == [("ada", True)]
    shown = CliRunner().invoke(APP, ["one", "-h"]).output
    assert "--loud" in shown
    assert "install-completion" not in shown


def test_a_group_has_its_commands_and_their_status(told: list[Any]) -> None:
    assert CliRunner().invoke(APP, ["group", "first"]).exit_code == 0
    assert told == ["first"]
    assert CliRunner().invoke(APP, ["group", "second"]).exit_code == 3
    assert "Second thing." in CliRunner().invoke(APP, ["group", "--help"]).output


def test_an_unknown_command_is_refused(told: list[Any]) -> None:
    done = CliRunner().invoke(APP, ["two"])
    assert done.exit_code == 2
    assert "two" in done.output


@pytest.mark.parametrize(
    ("name", "deferred"), [*COMMANDS.items(), *BENCH.items()], ids=lambda v: str(v)[:12]
)
def test_the_list_says_what_each_command_says_of_itself(name: str, deferred: Deferred) -> None:
    command = deferred.load(name)
    text = command.help or ""
    assert " ".join(text.split("\n\n")[0].split()) == deferred.help
