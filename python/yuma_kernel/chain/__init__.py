"""From the chain: one call to a snapshot, the next epoch, a forecast, an audit.

Every function takes a *source*: a URL (ws, wss, http, https), the name of a network (finney, archive, test, local), a
client that is open already (bittensor 9 to 11, turbobt, async-substrate-interface), or any callable `rpc(method, params)`.
Everything is read at one block hash. The functions that begin with "a" are the same, awaited.
"""

from yuma_kernel.chain.api import (
    aaudit,
    aforecast,
    anext_epoch,
    apayout,
    asnapshot,
    asubnet,
    audit,
    forecast,
    from_storage,
    next_epoch,
    payout,
    snapshot,
    subnet,
)
from yuma_kernel.chain.audit import Audit, Audits, Failure
from yuma_kernel.chain.errors import (
    ChainError,
    ContentError,
    LayoutChanged,
    NodeError,
    NoSubnet,
    NullConsensus,
    PrunedState,
    StateChanged,
    TransportError,
    TransportTimeout,
    UnknownBlock,
)
from yuma_kernel.chain.forecast import Change, Forecast
from yuma_kernel.chain.mechanisms import Subnet, SubnetResult
from yuma_kernel.chain.payouts import EpochPayout
from yuma_kernel.chain.schedule import NextEpoch
from yuma_kernel.chain.transport import NETWORKS

__all__ = [
    "NETWORKS",
    "Audit",
    "Audits",
    "ChainError",
    "Change",
    "ContentError",
    "EpochPayout",
    "Failure",
    "Forecast",
    "LayoutChanged",
    "NextEpoch",
    "NoSubnet",
    "NodeError",
    "NullConsensus",
    "PrunedState",
    "StateChanged",
    "Subnet",
    "SubnetResult",
    "TransportError",
    "TransportTimeout",
    "UnknownBlock",
    "aaudit",
    "aforecast",
    "anext_epoch",
    "apayout",
    "asnapshot",
    "asubnet",
    "audit",
    "forecast",
    "from_storage",
    "next_epoch",
    "payout",
    "snapshot",
    "subnet",
]
