"""Where tables lie: the nearest place that has room, and models whose tables lie apart."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from roadworthy.finetune.gradients import clip
from roadworthy.finetune.placement import Need, Placement, Room, decide, device_of, least, move, need_of
from roadworthy.finetune.recipe import Tables
from roadworthy.finetune.tabular.click_recipes import adam, reference
from roadworthy.finetune.tabular.dlrm import Dlrm
from roadworthy.finetune.tabular.neumf import NeuMf
from roadworthy.finetune.world import World
from roadworthy.model_cards import InputError

GB = 10**9
META = torch.device("meta")


@pytest.mark.parametrize(
    ("tables", "copies", "device", "where"),
    [
        (10 * GB, 1, 80 * GB, "device"),
        (10 * GB, 3, 80 * GB, "device"),
        (22 * GB, 3, 80 * GB, "host"),  # 66 of the 64 GB that may be filled
        (38 * GB, 1, 31 * GB, "host"),
        (38 * GB, 1, None, "device"),  # a CPU computes where they lie
    ],
)
def test_the_nearest_place_that_has_room(tables: int, copies: int, device: int | None, where: str) -> None:
    """Four fifths of what is free are for weights and optimizer."""
    room = Room(host=128 * GB, device=device, name="cuda" if device else "cpu")
    assert decide(Need(tables=tables, rest=GB // 10, copies=copies), room).where == where


@pytest.mark.parametrize(
    ("tables", "device", "host", "wanted", "where"),
    [
        (10 * GB, 80 * GB, 128 * GB, "auto", "device"),
        (38 * GB, 80 * GB, 128 * GB, "auto", "split"),  # three times a quarter is 28.5
        (90 * GB, 80 * GB, 128 * GB, "auto", "split-host"),  # three times a quarter is 67.5
        (90 * GB, None, 128 * GB, "auto", "split"),  # where CPUs compute
        (10 * GB, None, 128 * GB, "auto", "device"),
        (10 * GB, 80 * GB, 128 * GB, "split", "split"),
        (10 * GB, 80 * GB, 128 * GB, "host", "host"),
        (10 * GB, None, 128 * GB, "host", "device"),
        (38 * GB, 80 * GB, 128 * GB, "device", "device"),
    ],
)
def test_four_processes_share_what_none_has_room_for(
    tables: int, device: int | None, host: int, wanted: Tables, where: str
) -> None:
    """With Adam's moments: whole on each device, split over devices, split over their host memory."""
    need, room = Need(tables=tables, rest=0, copies=3), Room(host=host, device=device, name="cuda")
    assert decide(need, room, wanted, processes=4).where == where


def test_one_process_shares_with_nobody() -> None:
    """What was asked for then means nothing, as with models that are split."""
    room = Room(host=128 * GB, device=80 * GB, name="cuda")
    assert decide(Need(tables=GB, rest=0), room, "split").where == "device"
    assert decide(Need(tables=100 * GB, rest=0), room, "split").where == "host"


def test_the_reason_is_a_sentence() -> None:
    """With the figures that it was made from; a wish is one too, and is followed where there is room for it."""
    need, room = Need(tables=38_200_000_000, rest=0, copies=3), Room(host=200 * GB, device=31 * GB, name="cuda")
    assert decide(need, room).why == (
        "tables of 38.2 GB stay in host memory: the cuda has 31.0 GB free, and with the optimizer's state they take "
        "114.6 GB"
    )
    small = replace(need, tables=5_000_000)
    assert decide(small, room, "host") == Placement(
        where="host", why="tables of 5.0 MB stay in host memory: the recipe says so"
    )
    with pytest.raises(InputError, match=r"take 38\.2 GB in each process, and 31\.0 GB are free on the cuda"):
        decide(need, room, "device")
    with pytest.raises(InputError, match=r"and 20\.0 GB are free in memory"):
        decide(need, replace(room, host=20 * GB))


def test_a_weight_that_stays_answers_as_one_that_moved() -> None:
    """To ids where the rest computes; its gradient lies where it does. Both devices are the CPU here."""
    torch.manual_seed(0)
    model = NeuMf(users=7, items=9, factors=4, layers=(8, 4)).eval()
    ids = torch.tensor([[0, 3], [6, 3]])
    before = model(torch.empty(2, 0), ids)
    move(model, torch.device("cpu"), host=True)
    after = model(torch.empty(2, 0), ids)
    assert torch.equal(before, after)
    after.sum().backward()
    assert model.factors.weight.grad is not None
    assert model.factors.weight.grad.device == model.factors.weight.device


def test_a_place_that_is_none_is_refused() -> None:
    """As a recipe's field, however it was spelled."""
    with pytest.raises(InputError, match=r"tables are to lie in 'moon'\. Expected one of: auto, device, host, split"):
        replace(adam(on_gpu=False), tables="moon")  # type: ignore[arg-type]


def test_all_processes_decide_by_the_fullest() -> None:
    """Of host memory and of devices, each by itself."""
    rooms = [Room(host=5, device=9, name="cuda"), Room(host=7, device=3, name="cuda")]
    assert least(rooms) == Room(host=5, device=3, name="cuda")
    assert least([Room(host=2), Room(host=1)]) == Room(host=1)


def test_what_a_run_needs_is_counted_without_allocating() -> None:
    """Of 26 million vectors of 128 numbers: 4 bytes each, three times with Adam's moments, once with SGD."""
    with META:
        model = Dlrm(numeric=13, sizes=[10**6] * 26)
    tables = 26 * 10**6 * 128 * 4
    of_layers = 4 * sum(p.numel() for p in model.parameters()) - tables
    assert need_of(model) == Need(tables=tables, rest=of_layers)
    assert need_of(model, adam(on_gpu=True)) == Need(tables=tables, rest=of_layers, copies=3, rest_copies=4)
    assert need_of(model, replace(adam(on_gpu=True), ema_decay=0.9)).copies == 4
    assert need_of(model, reference(on_gpu=True)).copies == 1


def test_tables_stay_while_the_rest_moves() -> None:
    """By the meta device, the only second one that every machine has; parameters keep their names and order."""
    model = NeuMf(users=7, items=9, factors=4, layers=(8, 4))
    names, weight = [name for name, _ in model.named_parameters()], model.factors.weight
    assert move(model, META, host=True) is model
    assert [name for name, _ in model.named_parameters()] == names
    assert model.factors.weight is weight
    assert {p.device.type for p in model.layers.parameters()} == {"meta"}
    assert device_of(model) == META, "and not that of its first parameter"
    move(model, META, host=False)
    assert model.factors.weight.is_meta
    assert device_of(nn.Linear(2, 2)) == torch.device("cpu")


def test_a_whole_gradient_is_clipped_with_its_sparse_parts() -> None:
    """To the norm that torch finds of the same gradient in dense form; below it, not at all."""
    recipe = replace(adam(on_gpu=False), clip_norm=0.01)
    torch.manual_seed(0)
    model = NeuMf(users=7, items=9, factors=4, layers=(8, 4)).eval()
    ids = torch.tensor([[0, 3], [6, 3], [0, 8]])
    model(torch.empty(3, 0), ids).square().sum().backward()
    dense = [p.grad.to_dense().clone() for p in model.parameters() if p.grad is not None]
    norm = torch.cat([gradient.flatten() for gradient in dense]).double().norm()
    assert norm > recipe.clip_norm
    clip(model, replace(recipe, clip_norm=1e3), World())
    clip(model, recipe, World())
    for gradient, parameter in zip(dense, model.parameters(), strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad.to_dense(), gradient * float(0.01 / norm))
