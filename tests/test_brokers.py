"""Which broker, which Redis servers and which caches a project uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from lint_rules.project.broker import Url
from lint_rules.project.caches import caches
from lint_rules.project.project import Project
from lint_rules.project.redis_servers import broker_servers
from lint_rules.project.test_files import for_tests
from tests.projects import project_in

COMPOSE = """\
services:
  queue:
    image: redis:7
    command: redis-server --save ""
"""


def shop(root: Path, body: str, **files: str) -> Project:
    code = f"import os\nfrom celery import Celery\n{body}"
    return project_in(root, {"shop.py": code, **{name.replace("__", "."): text for name, text in files.items()}})


@pytest.mark.parametrize(
    ("text", "host", "server"),
    [
        ("redis://localhost:6379/0", "localhost", ("localhost", 6379, 0)),
        ("rediss://:secret@Cache.Example/2", "cache.example", ("cache.example", 6379, 2)),
        ("redis://[::1]:6380", "::1", ("localhost", 6380, 0)),
        ("redis://:${PASSWORD}@queue:6379/0", "queue", None),
        ("redis://{HOST}:6379/0", None, None),
        ("sentinel://one:26379;sentinel://two:26379", None, None),
        ("redis+socket:///run/redis.sock", None, None),
    ],
)
def test_hosts_and_servers(text: str, host: str | None, server: tuple[str, int, int] | None) -> None:
    url = Url(text, "shop.py", 1)
    assert url.host == host
    assert url.server == server


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (
            "SCHEME = 'redis'\nif os.environ.get('TLS'):\n    SCHEME = 'rediss'\nHOST = os.environ['HOST']\nURL = f'{SCHEME}://{HOST}/0'",
            "redis",
        ),
        ("SCHEME = 'redis'\nif os.environ.get('RABBIT'):\n    SCHEME = 'amqp'\nURL = f'{SCHEME}://{HOST}/0'", None),
        ("if os.environ.get('LOCAL'):\n    URL = 'redis://localhost'\nelse:\n    URL = f'redis://{HOST}'", "redis"),
        ("if os.environ.get('LOCAL'):\n    URL = 'redis://localhost'\nelse:\n    URL = 'amqp://rabbit//'", None),
        ("URL = os.environ['BROKER']", None),
        ("URL = os.environ.get('BROKER', 'pyamqp://rabbit//')", "amqp"),
    ],
)
def test_kinds_of_brokers(tmp_path: Path, body: str, kind: str | None) -> None:
    assert shop(tmp_path, f"{body}\napp = Celery('shop', broker=URL)\n").urls.kind() == kind


def test_a_variable_without_default_is_what_the_deployment_gives_it(tmp_path: Path) -> None:
    compose = "services:\n  web:\n    image: shop\n    environment:\n      BROKER: redis://queue:6379/0\n"
    tests = compose.replace("redis://queue:6379/0", "memory://")
    project = shop(tmp_path, "app = Celery('shop', broker=os.environ['BROKER'])\n", compose__yml=compose, compose__test__yml=tests)
    assert [url.text for url in project.urls.broker_urls()] == ["redis://queue:6379/0"]


@pytest.mark.parametrize(
    ("broker", "found"),
    [
        ("redis://queue:6379/0", 1),
        ("redis://queue.shop.svc.cluster.local:6379/0", 1),
        ("redis://localhost:6379/0", 1),
        ("redis://other:6379/0", 0),
        ("amqp://queue//", 0),
    ],
)
def test_servers_of_the_broker(tmp_path: Path, broker: str, found: int) -> None:
    project = shop(tmp_path, f"app = Celery('shop', broker={broker!r})\n", compose__yml=COMPOSE)
    assert len(broker_servers(project)) == found


def test_a_configuration_that_is_not_there_makes_a_server_incomplete(tmp_path: Path) -> None:
    compose = COMPOSE.replace('--save ""', "/etc/redis/redis.conf")
    (server,) = broker_servers(shop(tmp_path, "app = Celery('shop', broker='redis://queue')\n", compose__yml=compose))
    assert not server.complete


def test_caches(tmp_path: Path) -> None:
    body = """
BROKER = "redis://localhost/0"
PAGE_CACHE_URL = "redis://localhost/1"
CACHE_DIRECTORY = "/var/cache"
CELERY_CACHE_BACKEND = "redis://localhost/2"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": ["redis://a/1", "redis://b/1"]}}
app = Celery("shop", broker=BROKER)
"""
    found = {cache.name: [url.text for url in cache.urls] for cache in caches(shop(tmp_path, body))}
    assert found == {"PAGE_CACHE_URL": ["redis://localhost/1"], "CACHES['default']": ["redis://a/1", "redis://b/1"]}


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("tests/app.py", True),
        ("docker-compose.test.yml", True),
        ("compose.unit_tests_cicd.yml", True),
        (".github/workflows/build.yml", True),
        (".gitlab-ci.yml", True),
        ("shop/conftest.py", True),
        ("docker-compose.yml", False),
        ("shop/testimonials.py", False),
        ("cinema/city.py", False),
        ("latest/app.py", False),
    ],
)
def test_files_for_tests(file: str, expected: bool) -> None:
    assert for_tests(file) == expected


def test_queues_and_members_of_enumerations(tmp_path: Path) -> None:
    body = """
from enum import Enum, StrEnum

class Queue(StrEnum):
    MAIL = "mail"

class Plain(Enum):
    MAIL = "plain"

app = Celery("shop", broker="redis://localhost/0")

@app.task
def send(address): ...

def use():
    send.apply_async(queue=Queue.MAIL)
    send.apply_async(queue=Plain.MAIL.value)
    send.apply_async(queue=Plain.MAIL)
"""
    project = shop(tmp_path, body)
    assert [use.queue for use in project.routing.uses if use.source == "send"] == ["mail", "plain", None]
