"""Which task a start belongs to: ours, then those that other packages offer under ``roadworthy.tasks``.

A package adds a task with an entry point whose value is a class, or a function, that returns a ``task.Task``::

    [project.entry-points."roadworthy.tasks"]
    depth-estimation = "depthpack.task:DepthTask"
"""

from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

from roadworthy.model_cards import InputError
from roadworthy.model_cards.catalogue import find

from .image_task import ImageTask
from .model_config import ModelConfig, read_document
from .task import Task
from .text_task import TextTask

GROUP = "roadworthy.tasks"


def tasks() -> Iterator[Task]:
    """Every task there is; a foreign one is only imported when ours have been passed over."""
    yield ImageTask()
    yield TextTask()
    yield from _of_tables()
    for point in entry_points(group=GROUP):
        yield point.load()()


def _of_tables() -> Iterator[Task]:
    # Imported when ours before them have been passed over: who classifies images need not wait for pyarrow.
    from .tabular.click_task import ClickTask
    from .tabular.ranking_task import RankingTask
    from .tabular.rating_task import RatingTask

    yield ClickTask()
    yield RatingTask()
    yield RankingTask()


def task_called(name: str) -> Task:
    """The task of that name.

    Raises:
        InputError: there is none; the package that brought it may be missing.
    """
    known = []
    for task in tasks():
        if task.name == name:
            return task
        known.append(task.name)
    raise InputError(
        f"no task is called {name!r}. Expected one of: {', '.join(known)}. A task of another package needs that "
        f"package: it is found by the entry point {GROUP}."
    )


def task_of(folder: Path) -> Task:
    """The task of the snapshot in ``folder``, known by its ``config.json``.

    Raises:
        InputError: no snapshot, or one that no task opens.
    """
    document = read_document(folder)
    said = document.get("roadworthy", {})
    if isinstance(said, dict) and "task" in said:
        return task_called(str(said["task"]))
    known = []
    for task in tasks():
        if task.opens(document):
            return task
        known.append(task.name)
    raise InputError(
        f"the model in {folder} is of no known task. Expected a config.json of timm (architecture) or of transformers "
        f"(model_type), for one of: {', '.join(known)}."
    )


def named(start: str) -> tuple[Task, ModelConfig]:
    """The task and configuration of a name that is trained from scratch: a system, or ``timm:ARCHITECTURE``.

    Raises:
        InputError: no task knows the name.
    """
    for task in tasks():
        if (config := task.named(start)) is not None:
            return task, config
    raise InputError(f"{find(start).name} is trained from a snapshot, not from scratch. Give a reference or a folder.")
