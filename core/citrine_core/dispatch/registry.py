"""What the blocks of a core do for one another, wherever each of them is registered."""

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from citrine_core.dispatch.blocks import (
    Block,
    CheckCommand,
    CreditLeft,
    ForgetStation,
    ForgetTenant,
    ForgetTokens,
    Inform,
    Observer,
    OnEdgeLinked,
    OnOwnerChange,
    OnTokenChange,
    Translate,
)
from citrine_core.dispatch.inquiries import Inquirer
from citrine_core.dispatch.routes import Routes, collect_served
from citrine_core.encryption import SecretColumn
from citrine_core.jobs import Job

if TYPE_CHECKING:
    from citrine_core.resources.tenants.quotas import Counted

__all__ = ["Registry"]


class Registry:
    """All blocks of a core, and what they do for others, by kind.

    Blocks need one another: what one sends may fail, and another is notified. So there is one object that all of them
    may have from the beginning, and that is empty until all are there. It is made first, given to whoever looks
    something up in it, and filled once, by the composition root. What is read before that would depend on the order in
    which blocks are made, so it can't be read: who tries gets a RuntimeError, whichever block it is. After it nothing
    changes any more, so whatever is read may be retained.
    """

    def __init__(self, blocks: Sequence[Block] | None = None, served: Collection[str] = ()) -> None:
        self._blocks: tuple[Block, ...] | None = None
        self._served: Collection[str] = ()
        if blocks is not None:
            self.fill(blocks, served)

    def fill(self, blocks: Sequence[Block], served: Collection[str] = ()) -> None:
        """Enter all blocks, once.

        Args:
            blocks: In any order.
            served: Names of those whose handlers this core serves. Empty: all.

        Raises:
            InvalidSetting: When there is no block of a name that is to be served.
            ValueError: When two handlers are bound to one message.
            RuntimeError: When it was filled before.
        """
        if self._blocks is not None:
            raise RuntimeError("the blocks are complete, none can be added")
        self._blocks, self._served = tuple(blocks), served
        # Said now, rather than when the first handler is looked up.
        _ = self.routes

    @property
    def blocks(self) -> Sequence[Block]:
        """All blocks."""
        if self._blocks is None:
            raise RuntimeError("the blocks are still being made: look this up when it is needed, not in a constructor")
        return self._blocks

    @cached_property
    def routes(self) -> Routes:
        """The handlers."""
        return collect_served(self.blocks, self._served)

    @cached_property
    def observers(self) -> Sequence[Observer]:
        """Notified of what stations send."""
        return [one for block in self.blocks for one in block.observers]

    @cached_property
    def inquirers(self) -> Sequence[Inquirer]:
        """Ask outside before a message is handled."""
        return [one for block in self.blocks for one in block.inquirers]

    @cached_property
    def jobs(self) -> Sequence[Job]:
        """What is to be done by itself."""
        return [one for block in self.blocks for one in block.jobs]

    @cached_property
    def translations(self) -> Sequence[Translate]:
        """Say things of commands as their station knows them."""
        return [one for block in self.blocks for one in block.translations]

    @cached_property
    def check_command(self) -> Sequence[CheckCommand]:
        """Check what operations are to send."""
        return [block.check_command for block in self.blocks if block.check_command is not None]

    @cached_property
    def on_token_change(self) -> Sequence[OnTokenChange]:
        """Notified of tokens that change."""
        return [one for block in self.blocks for one in block.on_token_change]

    @cached_property
    def on_owner_change(self) -> Sequence[OnOwnerChange]:
        """Notified of parties whose tokens are suspended, or no more."""
        return [one for block in self.blocks for one in block.on_owner_change]

    @cached_property
    def informers(self) -> Sequence[Inform]:
        """Add a message to drivers to the decision on their token."""
        return [one for block in self.blocks for one in block.informers]

    @cached_property
    def credit_left(self) -> Sequence[CreditLeft]:
        """Say what is left of prepaid tokens."""
        return [block.credit_left for block in self.blocks if block.credit_left is not None]

    @cached_property
    def on_edge_linked(self) -> Sequence[OnEdgeLinked]:
        """Notified of edges that link."""
        return [one for block in self.blocks for one in block.on_edge_linked]

    @cached_property
    def secrets(self) -> Sequence[SecretColumn]:
        """Columns with encrypted secrets."""
        return [one for block in self.blocks for one in block.secrets]

    @cached_property
    def counted(self) -> "Sequence[Counted]":
        """Rows that count for quotas."""
        return [one for block in self.blocks for one in block.counted]

    @cached_property
    def forget_station(self) -> Sequence[ForgetStation]:
        """Remove what is stored of a station."""
        return [block.forget_station for block in self.blocks if block.forget_station is not None]

    @cached_property
    def forget_tenant(self) -> Sequence[ForgetTenant]:
        """End what would go on after a tenant is removed."""
        return [block.forget_tenant for block in self.blocks if block.forget_tenant is not None]

    @cached_property
    def forget_tokens(self) -> Sequence[ForgetTokens]:
        """Have stations forget tokens."""
        return [block.forget_tokens for block in self.blocks if block.forget_tokens is not None]
