"""Commands that are imported when they are run, so that the program starts at once.

Each pulls in what it needs, up to torch and a web server; the list of commands and a mistake in
the first word need none of it.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


class Deferred(NamedTuple):
    """Where a command is.

    Attributes:
        module: in this package.
        attribute: a command's function, or a `Typer` with more commands.
        help: the first paragraph of the command's own help, for the list of commands.
    """

    module: str
    attribute: str
    help: str

    def load(self, name: str) -> Any:
        """Import the command itself."""
        found = getattr(import_module(f"{__package__}.{self.module}"), self.attribute)
        if isinstance(found, typer.Typer):
            return get_command(found)
        alone = typer.Typer(add_completion=False)
        alone.command(name)(found)
        return get_command(alone)


class _DeferredCommand(TyperCommand):
    """Stands for a command in the list, and becomes it when it is run."""

    def __init__(self, name: str, deferred: Deferred) -> None:
        super().__init__(name, help=deferred.help)
        self._deferred: Final = deferred

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Give the context of the command itself, which then is what runs."""
        command = self._deferred.load(str(self.name))
        return command.make_context(info_name, args, parent, **extra)


def deferring(commands: Mapping[str, Deferred]) -> type[TyperGroup]:
    """The class of a group that has these commands, in this order."""

    class DeferringGroup(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:
            return [*commands, *super().list_commands(ctx)]

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            if cmd_name in commands:
                return _DeferredCommand(cmd_name, commands[cmd_name])
            return super().get_command(ctx, cmd_name)

    return DeferringGroup


def deferred_app(name: str, help_text: str, commands: Mapping[str, Deferred]) -> typer.Typer:
    """A program, or a group of commands in one, whose commands are imported when they are run.

    Args:
        name: of the group.
        help_text: what it is for.
        commands: by name, in the order of the list.
    """
    app = typer.Typer(
        name=name,
        help=help_text,
        cls=deferring(commands),
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    # Without a function or command of its own, typer takes an app for an empty one.
    app.callback()(_nothing)
    return app


def _nothing() -> None:
    pass
