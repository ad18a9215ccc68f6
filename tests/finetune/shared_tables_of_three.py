"""One of three processes that share tables: what each finds is held against whole tables, which each has besides.

Argument: a folder that all of them see.
"""

import sys
from dataclasses import replace
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

from roadworthy.finetune.gradients import clip, sum_gradients
from roadworthy.finetune.shares import Shares, idle, shared_out
from roadworthy.finetune.table_parts import WEIGHT, write_together
from roadworthy.finetune.tabular.click_recipes import adam
from roadworthy.finetune.tabular.tables import PADDING, Tables
from roadworthy.finetune.tabular.wide_deep import WideDeep
from roadworthy.finetune.world import World

SIZES, HOTNESS = (100_003, 5, 1), (1, 1, 3)  # several blocks, an odd number, fewer rows than processes

dist.init_process_group("gloo")
world = World(rank=dist.get_rank(), size=dist.get_world_size(), facts=dist.group.WORLD)


def made(shares: Shares | None) -> WideDeep:
    """Wide & Deep of these tables, of one seed."""
    torch.manual_seed(5)
    with shared_out(shares):
        model = WideDeep(numeric=1, sizes=SIZES, widths=(4, 4, 4), hotness=HOTNESS, layers=(8,), dropout=0.0)
    with torch.no_grad():
        for tables in (model.wide, model.deep["4"]):
            assert isinstance(tables, Tables)
            tables.fill(lambda block, size: block.normal_(0.0, 1.0))
    return model


def batch_of(rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Another number of rows in each process; some ids in several, one row twice, short lists."""
    dice = torch.Generator().manual_seed(rank)
    count = 4 + rank
    ids = torch.stack([torch.randint(0, size, (count,), generator=dice) for size in (100_003, 5, 1, 1, 1)], dim=1)
    ids[:, 3:] = PADDING
    ids[0, 0] = ids[1, 0] = 77_777
    return torch.ones(count, 1), ids


def own(whole: torch.Tensor) -> torch.Tensor:
    """This process's rows."""
    return whole[world.rank :: world.size]


whole, shared = made(None), made(Shares(world))
tables = {name: (whole.get_parameter(name), shared.get_parameter(name)) for name in ("wide.weight", "deep.4.weight")}
for one, other in tables.values():
    assert torch.equal(own(one), other), "a share is filled with the numbers that the whole has"
for (name, one), other in zip(whole.named_parameters(), shared.parameters(), strict=True):
    assert name in tables or torch.equal(one, other), "and what comes after it too"

# Two passes, the second of which the last process only helps with.
last = world.size - 1
for again in range(2):
    helps = again == 1 and world.rank == last
    with idle(helps):
        scores = shared(*batch_of(99 if helps else world.rank))  # 99: rows that nobody else names
        (scores.square().sum() * (0.0 if helps else 1.0)).backward()
    expected = whole(*batch_of(world.rank))
    assert helps or torch.allclose(scores, expected, atol=1e-6)
for rank, passes in ((rank, 1 if rank == last else 2) for rank in range(world.size)):
    for _ in range(passes):
        whole(*batch_of(rank)).square().sum().backward()
sum_gradients(shared, world)
for clipped in (False, True):
    if clipped:
        recipe = replace(adam(on_gpu=False), clip_norm=0.5)
        clip(whole, recipe, World())
        clip(shared, recipe, world)
    for (name, one), other in zip(whole.named_parameters(), shared.parameters(), strict=True):
        assert one.grad is not None
        assert other.grad is not None
        dense = one.grad.to_dense()
        torch.testing.assert_close(other.grad.to_dense(), own(dense) if name in tables else dense)
        if name in tables:
            rows = set(other.grad.coalesce().indices()[0].tolist())
            touched = set(one.grad.coalesce().indices()[0].tolist())
            assert rows == {row // world.size for row in touched if row % world.size == world.rank}

# On the disk, and back: by one, by as many, by two.
with torch.inference_mode():
    assert torch.allclose(shared(*batch_of(world.rank)), whole(*batch_of(world.rank)), atol=1e-6)
held = {name: {WEIGHT: other.detach()} for name, (_, other) in tables.items()}
parts = write_together(Path(sys.argv[1]), held, world)
assert parts is not None
world.wait()
for name, (one, other) in tables.items():
    assert torch.equal(parts.rows(WEIGHT, name, 0, len(one)), one)
    assert torch.equal(parts.rows(WEIGHT, name, 65_535, 65_537), one[65_535:65_537])
    back = torch.empty_like(other, requires_grad=False)
    parts.fill(back, WEIGHT, name, len(one), Shares(world))
    assert torch.equal(back, other)
    half = torch.empty_like(one[1::2], requires_grad=False)
    parts.fill(half, WEIGHT, name, len(one), Shares(World(rank=1, size=2)))
    assert torch.equal(half, one[1::2])
shared.load_state_dict(nn.Module.state_dict(whole))
assert torch.equal(shared.wide.weight, own(whole.wide.weight)), "of a whole table a process takes its share"
dist.destroy_process_group()
