"""Data to examples, messages and scores: what is asked, and what an answer is worth.

Flow: `data` reads rows, `examples` finds columns and labels, `splits` makes train, validation and test disjoint,
`load` puts them together with a layout and one of the `metrics` into a `base.Task`. `builtin` lists the tasks that
ship with the package, each one a `spec.Spec`.
"""

from prl_hub.tasks.base import SPLITS, Task
from prl_hub.tasks.builtin import TASKS
from prl_hub.tasks.data import read_rows
from prl_hub.tasks.load import load_task
from prl_hub.tasks.metrics import METRICS
from prl_hub.tasks.spec import Spec

__all__ = ["METRICS", "SPLITS", "TASKS", "Spec", "Task", "load_task", "read_rows"]
