"""Groups of commands that are imported when they run, or when the help lists them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import cast

import click


def group_of(modules: Mapping[str, str]) -> type[click.Group]:
    """A group whose commands are known by name, each with the module that holds it as `command`."""

    class Group(click.Group):
        def list_commands(self, ctx: click.Context) -> list[str]:
            return list(modules)

        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            if cmd_name not in modules:
                return None
            return cast(click.Command, importlib.import_module(modules[cmd_name]).command)

        def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
            if args[0] not in modules and not args[0].startswith("-"):
                raise click.UsageError(f"expected a command, one of {', '.join(modules)}, got {args[0]!a:.40}", ctx)
            return super().resolve_command(ctx, args)

    return Group
