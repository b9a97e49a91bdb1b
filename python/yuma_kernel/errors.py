"""What callers can catch."""

from __future__ import annotations

from typing import Any

Index = int | tuple[int, ...] | None


def shown(value: object) -> str:
    """`value` as a message shows it, in up to 40 characters; Python writes out no integer of more than 4300 digits."""
    try:
        text = ascii(value)
    except Exception:  # whatever a foreign `__repr__` raises: the input is wrong, and that is what there is to say
        return f"a value of type {type(value).__name__} that cannot be shown"
    return cut(text, 40)


def cut(text: str, most: int) -> str:
    """`text` in up to `most` characters; dots say that there is more."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


class InputError(ValueError):
    """An input that breaks a rule; nothing was computed and nothing was changed.

    Attributes:
        field: the name of the input, as in section 2 of the specification.
        index: where in the field (a uid, a position, or a tuple of them); None for a scalar or for the field as a whole.
        rule: what the input should have been, and what it was.
    """

    def __init__(self, field: str, rule: str, index: Index = None) -> None:
        self.field = field
        self.index = index
        self.rule = rule
        place = "" if index is None else str(list(index)) if isinstance(index, tuple) else f"[{index}]"
        super().__init__(f"{field}{place}: {rule}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.field, self.rule, self.index)

    def within(self, field: str) -> InputError:
        """The same error as seen by the owner of the input, who knows it under the name `field`."""
        return type(self)(field, self.rule, self.index)


class UnsupportedProfile(InputError):
    """A profile of the runtime's arithmetic that this version does not compute."""


class NewerRuntimeWarning(UserWarning):
    """A runtime later than all that this version knows: it is computed as the latest that is known."""


class InactiveWarning(UserWarning):
    """In a simulation the last validator that was active has gone inactive: what follows is computed without any."""


class BackendUnavailable(ImportError):
    """A known backend that cannot be loaded here; the message says how to get it."""
