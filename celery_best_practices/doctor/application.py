"""Which application? The one that `celery -A` would find, with all its tasks registered."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from celery import Celery
from celery.app.utils import find_app


class CannotExamine(Exception):
    """There is nothing to examine; the text is the sentence to show."""


def load(name: str) -> Any:
    """Import the application `name` (`pkg.app`, `pkg.app:attribute`) and the modules of its tasks, as a worker does.

    Raises CannotExamine, with the place where the user's code failed.
    """
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        with redirect_stdout(sys.stderr):  # what modules print when they are imported is no part of the report
            app = find_app(name)
            if not isinstance(app, Celery):
                raise CannotExamine(f"--app {name} is {app!r:.50}, not a Celery application: write --app package.module:attribute.")
            app.loader.import_default_modules()
            app.finalize()
    except CannotExamine:
        raise
    except ModuleNotFoundError as error:
        if error.name == name and ":" in name:
            raise CannotExamine(f"--app {name}: the module has no attribute {name.partition(':')[2]!r}.") from None
        if error.name and (name.split(":")[0] + ".").startswith(error.name + "."):
            raise CannotExamine(f"--app {name}: there is no module {error.name!r} in {os.getcwd()} or among what is installed.") from None
        raise CannotExamine(_failure(name, error)) from error
    except (Exception, SystemExit) as error:  # it is the user's code that runs here: whatever it raises is told, with its place
        raise CannotExamine(_failure(name, error)) from error
    return app


def _failure(name: str, error: BaseException) -> str:
    return f"--app {name} cannot be imported: {type(error).__name__}: {error}{_place(error)}"


def _place(error: BaseException) -> str:
    """Where the error came from: the innermost line outside of Celery and of the import machinery."""
    if isinstance(error, SyntaxError):
        return ""  # its text says
    import celery

    foreign = (str(Path(celery.__file__).parent), "<frozen importlib", os.path.dirname(os.__file__) + os.sep + "importlib", __file__)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(foreign)]
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
