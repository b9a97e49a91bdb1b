"""What can go wrong between a node and a snapshot; every error names the request and the item that it is about."""

from __future__ import annotations

from typing import Any

from yuma_kernel.errors import Index, InputError


class ChainError(Exception):
    """A subnet could not be read; nothing was returned and nothing is partly known.

    Attributes:
        request: the method of the request, or None where no request was under way.
        item: the storage item, with its keys, or the part of an answer; None for the request as a whole.
        rule: what was expected, and what came.
    """

    def __init__(self, rule: str, *, request: str | None = None, item: str | None = None) -> None:
        self.rule = rule
        self.request = request
        self.item = item
        # InputError, from which some of these descend, knows the item as its field
        self.field = item if item is not None else request if request is not None else "chain"
        self.index: Index = None
        self.message = self.field + (f" ({request})" if item is not None and request is not None else "") + f": {rule}"
        Exception.__init__(self, self.message)

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), self.rule, self.request, self.item)

    def about(self, request: str | None = None, item: str | None = None) -> ChainError:
        """The same error, of `request` and `item` where it names none of its own."""
        return type(self)(self.rule, request=self.request or request, item=self.item or item)


def _again(kind: type[ChainError], rule: str, request: str | None, item: str | None) -> ChainError:
    return kind(rule, request=request, item=item)


class TransportError(ChainError, OSError):
    """The node was not reached, or the connection broke, at every attempt."""


class TransportTimeout(TransportError, TimeoutError):
    """No answer came in time, at every attempt."""


class NodeError(ChainError):
    """The node answered with an error instead of a result."""


class PrunedState(NodeError):
    """The node no longer has the state of this block: an archive node is needed."""


class ContentError(ChainError, InputError):
    """An answer that is not what was asked for, or holds what no subnet can hold."""

    def within(self, field: str) -> InputError:
        return type(self)(self.rule, request=self.request, item=field)


class UnknownBlock(ContentError):
    """The node knows no block of this number: it is still to come, or the node is behind."""


class StateChanged(ContentError):
    """An answer is of another block than the one asked for."""


class LayoutChanged(ContentError):
    """The runtime stores an item in another form than the one that is known here, or not at all."""


class NoSubnet(ContentError):
    """There is no such subnet or mechanism, or it has no uid."""


class NullConsensus(ContentError):
    """The subnet's epoch is the Null consensus, which pays by another rule than the one that is computed here."""
