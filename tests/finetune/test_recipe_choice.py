"""Recipes by name: how they are spelled, and what comes of it."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.finetune import image_recipes, text_recipes
from roadworthy.finetune.recipe import Recipe
from roadworthy.finetune.recipe_choice import Catalogue, RecipeChoice
from roadworthy.finetune.run_spec import specify
from roadworthy.model_cards import InputError, Target


@pytest.mark.parametrize(
    ("text", "name", "changes"),
    [
        ("head-first", "head-first", {}),
        ("full:learning_rate=1e-3", "full", {"learning_rate": 0.001}),
        ("full: epochs=8 , fit_head_first=true", "full", {"epochs": 8, "fit_head_first": True}),
        ("full:ema_decay=none,clip_norm=1,precision=bfloat16", "full",
         {"ema_decay": None, "clip_norm": 1.0, "precision": "bfloat16"}),
    ],
)  # fmt: skip
def test_a_choice_is_read(text: str, name: str, changes: dict[str, Any]) -> None:
    """Values have the types of the recipe's fields."""
    choice = RecipeChoice.parse(text)
    assert (choice.name, choice.changes) == (name, changes)
    assert [type(value) for value in choice.changes.values()] == [type(value) for value in changes.values()]


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "learning_rate": st.floats(1e-9, 1e3),
            "epochs": st.integers(1, 10**6),
            "fit_head_first": st.booleans(),
            "optimizer": st.sampled_from(["adamw", "sgd"]),
        },
    )
)
def test_what_is_written_is_read_again(changes: dict[str, Any]) -> None:
    """A race's folder remembers its contenders as text."""
    choice = RecipeChoice(name="full", changes=changes)
    assert RecipeChoice.parse(str(choice)) == choice


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("full:speed=9", "found 'speed' with the value '9'. Expected NAME or NAME:FIELD=VALUE"),
        ("full:epochs", "found 'epochs' with the value ''"),
        ("full:name=x", "found 'name'"),
        ("full:epochs=many", "the recipe's epochs cannot be 'many'"),
        ("full:optimizer=lion", "the recipe's optimizer cannot be 'lion'"),
        ("full:epochs=none", "the recipe's epochs cannot be 'none'"),
    ],
)
def test_what_cannot_be_read(text: str, said: str) -> None:
    """The message names the field."""
    with pytest.raises(InputError, match=said):
        RecipeChoice.parse(text)


@pytest.mark.parametrize("catalogue", [image_recipes.CATALOGUE, text_recipes.catalogue(384)])
@pytest.mark.parametrize("on_gpu", [False, True])
def test_a_recipe_is_called_what_the_catalogue_calls_it(catalogue: Catalogue, on_gpu: bool) -> None:
    """So that a card names what --recipe understands."""
    for name, make in catalogue.items():
        recipe = make(on_gpu=on_gpu)
        assert isinstance(recipe, Recipe)
        assert recipe.name == name
        assert recipe.precision == ("bfloat16" if on_gpu else "float32")


def settled(snapshot: Path, recipe: str | None, target: str | None = None, **settings: Any) -> dict[str, Any]:
    """The recipe of a run that is only specified."""
    import torch

    return specify(
        snapshot, data=Path("x"), target=Target.parse(target) if target else None, seed=1, device=torch.device("cpu"),
        settings=settings, recipe=recipe, leave_out_leaked=False, reference=None, accelerators=(), processes=1,
    ).recipe  # fmt: skip


def test_a_run_follows_the_recipe_it_was_given(snapshot: Path) -> None:
    """By name, with changes spelled and changes of options of their own; balanced classes as for any other recipe."""
    recipe = settled(snapshot, "full:learning_rate=1e-3", "balanced_accuracy>=0.9", epochs=3)
    assert (recipe["name"], recipe["learning_rate"], recipe["epochs"]) == ("full", 0.001, 3)
    assert (recipe["frozen_share"], recipe["class_weights"]) == (0.0, "balanced")
    assert settled(snapshot, None) == settled(snapshot, "head-first")


def test_a_value_is_stated_once(snapshot: Path) -> None:
    """Neither of two wins silently."""
    with pytest.raises(InputError, match=r"epochs is 8 in --recipe full:epochs=8 and 3 as an option of its own"):
        settled(snapshot, "full:epochs=8", epochs=3)


def test_an_unknown_recipe(snapshot: Path) -> None:
    """The nearest name is offered; LoRA is for texts."""
    with pytest.raises(
        InputError, match=r"no recipe for image-classification is called 'headfirst'.*Did you mean head-"
    ):
        settled(snapshot, "headfirst")
    with pytest.raises(InputError, match=r"is called 'lora'. Expected one of: full, head-first"):
        settled(snapshot, "lora")


def test_a_wider_encoder_has_a_smaller_learning_rate() -> None:
    """AdamW's rate goes by 1 / width (arXiv 2203.03466): BERT-Base is twice as wide as MiniLM, so half of it."""
    mini, base = (text_recipes.catalogue(width)["upper-layers"](on_gpu=False) for width in (384, 768))
    assert mini.learning_rate == pytest.approx(2e-4)
    assert base.learning_rate == pytest.approx(1e-4)
