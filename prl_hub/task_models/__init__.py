"""Who answers. The task model is frozen; everything else in the product asks it through `TaskModel`."""

from __future__ import annotations

from prl_hub.config import TaskModelConfig
from prl_hub.errors import ConfigError
from prl_hub.resolve import resolve
from prl_hub.task_models.base import TaskModel

TASK_MODELS = {
    "local": "prl_hub.task_models.local:LocalTaskModel",
    "fake": "prl_hub.task_models.fake:FakeTaskModel",
}

__all__ = ["TASK_MODELS", "TaskModel", "load_task_model"]


def load_task_model(config: TaskModelConfig) -> TaskModel:
    """The task model of a config.

    Raises:
        ConfigError: there is no such backend.
        ModelError: the model cannot be found or used.
    """
    backend = resolve(config.backend, TASK_MODELS, "task model backend")
    if not (isinstance(backend, type) and issubclass(backend, TaskModel)):
        raise ConfigError(f"task model backend '{config.backend}' is not a subclass of prl_hub.task_models.TaskModel")
    return backend.from_config(config)
