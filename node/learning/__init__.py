"""Learning: data, tasks, models, differential privacy. Knows vectors, no networks."""

from node.learning.errors import BudgetError, ConfigError, GateError, LearningError
from node.learning.registry import TASKS, code_sha256, get_task

__all__ = ["TASKS", "BudgetError", "ConfigError", "GateError", "LearningError", "code_sha256", "get_task"]
