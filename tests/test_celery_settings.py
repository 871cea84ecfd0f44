"""Settings are found in every form in which a project gives them to Celery."""

from __future__ import annotations

from pathlib import Path

import pytest

from lint_rules.project.tasks import rendered
from tests.projects import Files, project_in

DJANGO = "from celery import Celery\napp = Celery()\napp.config_from_object('django.conf:settings', namespace='CELERY')\n"

FORMS: dict[str, tuple[Files, dict[str, str]]] = {
    "the constructor": (
        {"app.py": "from celery import Celery\napp = Celery('x', broker='redis://', backend=B, include=['tasks'], task_cls='x.T')\n"},
        {"broker_url": "'redis://'", "result_backend": "B", "include": "['tasks']", "task_cls": "'x.T'"},
    ),
    "the constructor of a subclass": (
        {"app.py": "from celery import Celery\nclass Shop(Celery): pass\napp = Shop(broker='redis://')\n"},
        {"broker_url": "'redis://'"},
    ),
    "attributes of conf": (
        {"app.py": "from celery import Celery\napp = Celery()\napp.conf.task_acks_late = True\napp.conf.WORKER_CONCURRENCY = 4\n"},
        {"task_acks_late": "True", "worker_concurrency": "4"},
    ),
    "items of conf": (
        {"app.py": "from celery import Celery\napp = Celery()\napp.conf['task_acks_late'] = True\n"},
        {"task_acks_late": "True"},
    ),
    "conf.update with keywords": (
        {"app.py": "from celery import Celery\napp = Celery()\napp.conf.update(task_acks_late=True, timezone='UTC')\n"},
        {"task_acks_late": "True", "timezone": "'UTC'"},
    ),
    "conf.update with a mapping": (
        {"app.py": "from celery import Celery\napp = Celery()\napp.conf.update({'task_acks_late': True, **more})\n"},
        {"task_acks_late": "True"},
    ),
    "conf of an imported app": (
        {
            "shop/__init__.py": "",
            "shop/app.py": "from celery import Celery\napp = Celery()\n",
            "shop/extra.py": "from shop.app import app  # celery\napp.conf.task_acks_late = True\n",
        },
        {"task_acks_late": "True"},
    ),
    "in a factory": (
        {"app.py": "from celery import Celery as C\ndef make():\n    a = C(broker='redis://')\n    a.conf.task_acks_late = True\n"},
        {"broker_url": "'redis://'", "task_acks_late": "True"},
    ),
    "a module by name": (
        {
            "app.py": "from celery import Celery\napp = Celery()\napp.config_from_object('celeryconfig')\n",
            "celeryconfig.py": "broker_url = 'redis://'\ntask_acks_late = 60 * 5\n",
        },
        {"broker_url": "'redis://'", "task_acks_late": "300"},
    ),
    "a module itself": (
        {
            "app.py": "from celery import Celery\nimport conf\napp = Celery()\napp.config_from_object(conf)\n",
            "conf.py": "task_acks_late = True\n",
        },
        {"task_acks_late": "True"},
    ),
    "a class by name": (
        {
            "app.py": "from celery import Celery\napp = Celery()\napp.config_from_object('conf:Production')\n",
            "conf.py": "class Base:\n    task_acks_late = True\nclass Production(Base):\n    timezone = 'UTC'\n",
        },
        {"task_acks_late": "True", "timezone": "'UTC'"},
    ),
    "a class itself": (
        {"app.py": "from celery import Celery\nclass Conf:\n    task_acks_late = True\napp = Celery()\napp.config_from_object(Conf)\n"},
        {"task_acks_late": "True"},
    ),
    "an instance": (
        {"app.py": "from celery import Celery\nclass Conf:\n    task_acks_late = True\napp = Celery()\napp.config_from_object(Conf())\n"},
        {"task_acks_late": "True"},
    ),
    "Django settings under a namespace": (
        {
            "shop/__init__.py": "",
            "shop/celery.py": DJANGO,
            "shop/settings.py": "DEBUG = True\nCELERY_BROKER_URL = 'redis://'\nCELERY_TASK_ACKS_LATE = True\n",
        },
        {"broker_url": "'redis://'", "task_acks_late": "True"},
    ),
    "Django settings in a class": (
        {
            "shop/__init__.py": "",
            "shop/celery.py": DJANGO,
            "shop/settings/__init__.py": "",
            "shop/settings/base.py": "class Base:\n    CELERY_TASK_ACKS_LATE = True\n    DEBUG = 1\n",
        },
        {"task_acks_late": "True"},
    ),
    "Django's settings object": (
        {
            "app.py": "from django.conf import settings\n" + DJANGO.replace("'django.conf:settings'", "settings"),
            "settings.py": "CELERY_TIMEZONE = 'UTC'\n",
        },
        {"timezone": "'UTC'"},
    ),
    "names from before Celery 4": (
        {
            "app.py": "from celery import Celery\napp = Celery()\napp.config_from_object('conf')\n",
            "conf.py": "CELERYD_CONCURRENCY = 4\nCELERY_ACKS_LATE = True\nBROKER_URL = 'redis://'\n",
        },
        {"worker_concurrency": "4", "task_acks_late": "True", "broker_url": "'redis://'"},
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_giving_settings_is_read(form: str, tmp_path: Path) -> None:
    files, expected = FORMS[form]
    project = project_in(tmp_path, files)
    assert {each.name: rendered(each.value, each.frame.scope.calls) for each in project.celery_settings} == expected


def test_settings_know_where_they_were_written(tmp_path: Path) -> None:
    files = {
        "app.py": "from celery import Celery\napp = Celery()\n\napp.config_from_object('conf')\napp.conf.timezone = 'UTC'\n",
        "conf.py": "\n\ntask_acks_late = True\n",
    }
    found = {each.name: (each.file, each.row) for each in project_in(tmp_path, files).celery_settings}
    assert found == {"task_acks_late": ("conf.py", 3), "timezone": ("app.py", 5)}


@pytest.mark.parametrize(
    "text",
    [
        "class Other:\n    conf = None\nother = Other()\nother.conf.task_acks_late = True\nother.conf.update(timezone=1)\n",
        "app = make()\napp.conf.task_acks_late = True\n",
        "from flask import Flask\napp = Flask('x')\napp.config_from_object('conf')\napp.config.update(broker='x')\n",
        "connect(broker='redis://')\n",
        "from celery import Celery\nsome = Celery()\nsome.config_from_object(unknown())\nsome.config_from_object('absent')\n",
    ],
)
def test_what_is_no_celery_application_gives_no_settings(tmp_path: Path, text: str) -> None:
    files = {"app.py": "import celery\n" + text, "conf.py": "timezone = 'UTC'\n"}
    assert project_in(tmp_path, files).celery_settings == []
