"""The runtime that migrated code imports: task decorators, their configurations, and what goes with them.

Names are looked up when they are used: importing the package imports neither Celery nor a Redis client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from celery_best_practices.auth import AuthContext as AuthContext
    from celery_best_practices.auth import as_user as as_user
    from celery_best_practices.cache_key import build_cache_key as build_cache_key
    from celery_best_practices.config import ConfigError as ConfigError
    from celery_best_practices.config import CPUTaskConfig as CPUTaskConfig
    from celery_best_practices.config import DBTaskConfig as DBTaskConfig
    from celery_best_practices.config import IOTaskConfig as IOTaskConfig
    from celery_best_practices.credits import check_balance as check_balance
    from celery_best_practices.credits import grant as grant
    from celery_best_practices.decorators import run_cpu_task_with_best_practices as run_cpu_task_with_best_practices
    from celery_best_practices.decorators import run_db_task_with_best_practices as run_db_task_with_best_practices
    from celery_best_practices.decorators import run_io_task_with_best_practices as run_io_task_with_best_practices
    from celery_best_practices.exceptions import InsufficientCredits as InsufficientCredits
    from celery_best_practices.exceptions import PermissionDenied as PermissionDenied
    from celery_best_practices.exceptions import RateLimited as RateLimited
    from celery_best_practices.invalidation import invalidate as invalidate
    from celery_best_practices.metrics import setup_metrics as setup_metrics
    from celery_best_practices.operations import cache_stats as cache_stats
    from celery_best_practices.operations import recommended_settings as recommended_settings
    from celery_best_practices.operations import stuck_tasks as stuck_tasks
    from celery_best_practices.operations import worker_commands as worker_commands
    from celery_best_practices.runtime_settings import configure as configure

_MODULE_OF = {
    "AuthContext": "auth",
    "CPUTaskConfig": "config",
    "ConfigError": "config",
    "DBTaskConfig": "config",
    "IOTaskConfig": "config",
    "InsufficientCredits": "exceptions",
    "PermissionDenied": "exceptions",
    "RateLimited": "exceptions",
    "as_user": "auth",
    "build_cache_key": "cache_key",
    "cache_stats": "operations",
    "check_balance": "credits",
    "configure": "runtime_settings",
    "grant": "credits",
    "invalidate": "invalidation",
    "recommended_settings": "operations",
    "run_cpu_task_with_best_practices": "decorators",
    "run_db_task_with_best_practices": "decorators",
    "run_io_task_with_best_practices": "decorators",
    "setup_metrics": "metrics",
    "stuck_tasks": "operations",
    "worker_commands": "operations",
}
"""Public name -> the module it lives in."""

__all__ = list(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
