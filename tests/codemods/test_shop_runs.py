"""Does the migrated fixtures/shop run? Each of its rewritten modules is imported, each of its tasks is sent to real workers.

What a task needs beside the shop is in `shop_services`. The tests import neither Celery nor the shop: the workers and the
customer, who sends the tasks and waits for their results, are processes of their own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any
from unittest.mock import ANY

import pytest
import redis

from tests.codemods.shop_services import DAY, data_directory, fill_database, partners_and_relay
from tests.runtime.servers import ROOT, redis_server, worker

SHOP = ROOT / "fixtures" / "shop"
QUEUES = "default,accounts,images,imports,notifications,payments,reports,search"

CORRECTIONS = {
    "src/shop/tasks/accounts.py": {
        # What a person has to decide: values that no task can have, refused when the module is imported (EXPECTED.md, CRB103).
        "DBTaskConfig(cache_ttl=0)": "DBTaskConfig()",
        "IOTaskConfig(max_retries=-1, rate_limit=30, rate_window=60)": "IOTaskConfig(max_retries=0, rate_limit=30, rate_window=60)",
    },
}
"""Mistakes of the shop that no codemod can mend and that keep a module from being imported: text -> what a person would write."""

NAMED_OTHERWISE = {
    # `audited` has no functools.wraps: both have the name of its inner function, and a worker runs one of them (EXPECTED.md, CRB106).
    "shop.tasks.accounts.lock_account": "shop.worker.decorators.audit",
    "shop.tasks.accounts.unlock_account": "shop.worker.decorators.audit",
}
"""Tasks whose name is not the one that they seem to have."""


@dataclass(frozen=True)
class Call:
    """Arguments of a task, and what comes of it. In texts, {media} and {partners} stand for a directory and an address."""

    args: tuple[Any, ...] = ()
    gives: object = None
    raises: str | None = None
    """The exception that is expected instead of a result: how its last line begins."""
    fails: str = "FAILURE"
    """Where it is raised: in the worker, or already where the task is sent."""
    user: tuple[int, tuple[str, ...]] | None = None
    """Id and roles of the user on whose behalf the task is sent."""


REFUSED = "Never call result.get() within a task"

CALLS = {
    "shop.feeds.tasks": {
        "read_feed": Call(("{partners}/feeds/prices.json",), gives=1),
        "feed_is_alive": Call(("{partners}/feeds/prices.json",), gives=True),
    },
    "shop.tasks.accounts": {
        "erase_customer": Call((11,), gives=11, user=(1, ("support",))),
        "merge_accounts": Call((7, 10), gives=1),
        "export_customer": Call((9,), {"email": "customer9@shop.example", "name": "Customer 9", "locale": "de"}, user=(9, ())),
        "subscriber_count": Call(("fr",), gives=1),
        "touch_customer": Call((8,)),
        "rename_customer": Call((8, "Ada"), gives="Ada"),
        "mail_password_link": Call(("ada@shop.example", "https://shop.example/p/1"), gives="ada@shop.example"),
        "mail_goodbye": Call(("ada@shop.example",), gives="ada@shop.example"),
        "locate_customer": Call((1,), gives="DE"),
        # Two tasks of one name: a worker runs one of them for both, either of them (EXPECTED.md, CRB106; NAMED_OTHERWISE).
        "lock_account": Call((2,), gives=ANY),
        "unlock_account": Call((3,), gives=ANY),
        "anonymise": Call((4,)),
        "anonymise_address": Call((5,)),
        "set_locale": Call((6, "it")),
        "link_device": Call((6, "device-6")),
    },
    "shop.tasks.images": {
        "make_thumbnails": Call(("thumbnails.png",), [f"{{media}}/thumbnails.{width}.jpg" for width in (160, 480, 1200)]),
        "render_listing": Call((["{partners}/pictures/1.png"], "{media}/listing.jpg"), gives="{media}/listing.jpg"),
        "publish_watermarked": Call(("publish.png", "{partners}/uploads/1"), gives=ANY),
        "watermark_product": Call((1,), gives="{media}/watermark.png"),
        "purge_missing_images": Call((), gives=1),
        "recompress": Call(("recompress.png",), gives=ANY),
        "fetch_supplier_image": Call(("{partners}/pictures/2.png", "supplier.jpg"), gives="{media}/supplier.jpg"),
        "fetch_all": Call((["{partners}/pictures/1.png", "{partners}/nothing"],), gives=[200, 404]),
        "analyse_palette": Call((1, "palette.png"), gives=[ANY] * 5),
        "refresh_palette": Call((1, "palette.png")),
        "check_supplier_image": Call(("{partners}/pictures/1.png",), gives=True),
    },
    "shop.tasks.imports": {
        "import_customers": Call(("{media}/customers.csv",), gives=2),
        "check_stock": Call((["SHOE-1", "BOOT-2"],), gives={"SHOE-1": 7, "BOOT-2": 7}),
    },
    "shop.tasks.notifications": {
        "send_urgent_stock_alert": Call((1,)),
        "send_low_stock_digest": Call((), gives=1),
        "push_device": Call(("device-1", "Hello"), gives=202),
        "push_in_steps": Call((["device-1", "device-2"], "Hello"), gives=2),
        "push_order_state": Call((1, "confirmed"), gives=True),
        "send_newsletter": Call(("fr",), gives=1),
        "render_campaign_banner": Call(("Spring", "{media}/banner.jpg"), gives="{media}/banner.jpg"),
        "count_bounce": Call(("nobody@shop.example",), gives=1),
        "ping_push_service": Call(()),
    },
    "shop.tasks.orders": {
        "confirm_order": Call((1,)),
        "announce_order": Call((1,)),
        "capture_and_ship": Call((2,)),
        "sync_order": Call((3,), gives="authorised"),
        "wait_for_payment": Call((4,), gives=True),
        "close_shipped_order": Call((5,), gives="new"),
        "reopen_order": Call((6,)),
        "pull_partner_orders": Call((), gives=2),
    },
    "shop.tasks.payments": {
        "refund_payment": Call((1, "5.00")),
        "settle_batches": Call((2,), gives=4),
        "charge_subscription": Call(("mandate-1", "9.99"), gives="t-2"),
        # The hard time limit is below the soft one, and Celery does not send it: the shop's mistake (EXPECTED.md, CRB110).
        "reconcile_payouts": Call((), raises="ValueError: soft_time_limit must be", fails="NOT SENT"),
        "balance_of_week": Call((), gives="12.50"),
        "confirm_mandate": Call(("mandate-1",), gives="authorised"),
        "book_fees": Call((1, "1.50"), gives="28.50"),
        "export_ledger": Call((DAY[:7],), gives=0),  # https://ledger.example is not there, which the task logs and passes over
        "verify_gateway": Call((), gives=True),
        "chase_dispute": Call(("p-1",), gives="authorised"),
        "void_authorisation": Call(("p-1",)),
    },
    "shop.tasks.reports": {
        "turnover_of_day": Call((DAY,), gives="210.00"),
        "mail_report": Call(("Nothing to report.",)),
        # Both wait for the results of tasks that they have sent, which Celery refuses: the shop's mistake (EXPECTED.md, CRB405).
        "build_daily_report": Call((2,), raises=f"RuntimeError: {REFUSED}"),
        "build_monthly_report": Call((DAY[:7],), raises=f"RuntimeError: {REFUSED}"),
        "refresh_dashboard": Call((DAY,), gives="210.00"),
        "check_books": Call((DAY,), gives="210.00"),
    },
    "shop.tasks.search": {
        "drop_product": Call((2,)),
        "index_is_alive": Call((), gives=True),
        "reindex_all": Call((), gives=2),
        "warm_up": Call((["shoes", "boots"],), gives=2),
        "popular_terms": Call((2,), gives=["shoes", "boots"]),
        "Suggestions.forget": Call(("shoes",), gives=1),
    },
    "shop.worker.monitoring": {
        "register_maintenance.trim_results": Call((), gives=0),
    },
}
"""Module -> task -> how it is sent. Exactly the tasks that are declared by our decorators after the migration."""


def customer() -> None:
    """Send the tasks of stdin and wait for them; writes what came of each to stdout (in a process that can import the shop)."""
    from celery.exceptions import TimeoutError as NotInTime
    from celery.result import AsyncResult
    from shop.cache import get_cache
    from shop.worker import app

    from celery_best_practices import AuthContext, as_user, check_balance, grant

    import_module("shop_operations")
    fill_database()
    get_cache().zadd("search:terms", {"boots": 2, "shoes": 3})
    get_cache().zadd("suggest:shoes", {"bro": 0})
    grant(9, "exports", 5)

    deadline = time.monotonic() + 40
    results: list[AsyncResult | Exception] = []
    for module, function, name, args, user in json.load(sys.stdin):
        task = task_of(module, function) or app.tasks[name]
        try:
            with as_user(AuthContext(*user)) if user else nullcontext():
                results.append(task.apply_async(args, ignore_result=False))  # also where nobody else wants to know
        except Exception as error:
            results.append(error)
    outcomes = []
    for result in results:
        if isinstance(result, Exception):
            outcome = {"state": "NOT SENT", "value": result, "traceback": "".join(traceback.format_exception(result))}
        else:
            with suppress(NotInTime):
                result.get(timeout=max(0.1, deadline - time.monotonic()), propagate=False)
            outcome = {"state": result.state, "value": result.result, "traceback": result.traceback}
        if isinstance(outcome["value"], BaseException):
            outcome["value"] = "".join(traceback.format_exception_only(outcome["value"]))
        outcomes.append(outcome)
    json.dump({"outcomes": outcomes, "balance": check_balance(9, "exports")}, sys.stdout)


def task_of(module: str, function: str) -> Any:
    """The task of a module, as others get at it; None for one that is made inside a function."""
    found: Any = import_module(module)
    for part in function.split("."):
        found = getattr(found, part, None)
    return found


def import_modules() -> None:
    """Import the modules of the command line; writes the errors, and the module of each task that is registered then."""
    errors, registered = {}, {}
    for module in sys.argv[1:]:
        try:
            import_module(module)
        except Exception:
            errors[module] = traceback.format_exc()
    from shop.feeds import celery_app
    from shop.worker import app

    import_module("shop_operations")
    for owner in (app, celery_app):
        owner.finalize()
        for name, task in owner.tasks.items():
            registered[name] = task.__module__
    json.dump({"errors": errors, "registered": registered}, sys.stdout)


def run_here(function: str, *arguments: str, env: dict[str, str], input: str = "") -> Any:
    """What a function of this module writes in a fresh interpreter."""
    command = [sys.executable, "-c", f"from tests.codemods.test_shop_runs import {function}; {function}()", *arguments]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **env}, input=input, capture_output=True, text=True, timeout=55)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@dataclass(frozen=True)
class Migrated:
    """A migrated copy of the shop."""

    rewritten: frozenset[str]
    """Modules with tasks that the migration has rewritten."""
    tasks: tuple[dict[str, Any], ...]
    """What `crb tasks` says of the tasks with decorators of ours."""
    env: dict[str, str]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Migrated:
    """The shop, migrated with all unsafe fixes, and what no codemod can decide corrected by hand."""
    root = tmp_path_factory.mktemp("migrated") / "shop"
    copytree(SHOP, root, ignore=ignore_patterns(".crb_cache", "__pycache__"))
    settings = root / "pyproject.toml"
    settings.write_text(settings.read_text().replace("per-file-ignore =", "per-file-ignores ="))  # wrong on purpose (CRB003)
    report = json.loads(_run("-m", "codemods.migrate", "--unsafe", "--output-format", "json", str(root)))
    for filename, replacements in CORRECTIONS.items():
        text = (root / filename).read_text()
        for written, meant in replacements.items():
            assert text.count(written) == 1, f"{filename}: {written!r} is there {text.count(written)} times"
            text = text.replace(written, meant)
        (root / filename).write_text(text)
    # The operations image registers its tasks at start.
    operations = "from shop.worker import app, monitoring\n\nmonitoring.register_maintenance(app)\n"
    (root / "src" / "shop_operations.py").write_text(operations)
    tasks = json.loads(_run("-c", "from lint_rules.__main__ import main; main()", "tasks", "--output-format", "json", str(root)))
    changed = {file["filename"] for file in report["files"]}
    return Migrated(
        frozenset(task["module"] for task in tasks if task["filename"] in changed),
        tuple(task for task in tasks if task["declared"]),
        {"PYTHONPATH": str(root / "src"), "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    )


def _run(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=55)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def services() -> Iterator[dict[str, str]]:
    """The partners and the mail relay: the part of the environment that says where they are."""
    with partners_and_relay() as env:
        yield env


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_server() as url:
        yield url


def test_each_rewritten_module_is_imported_and_registers_its_tasks(shop: Migrated) -> None:
    assert shop.rewritten == {task["module"] for task in shop.tasks} == set(CALLS)
    said = run_here("import_modules", *sorted(shop.rewritten), env=shop.env)
    assert said["errors"] == {}
    ours = {}
    for task in shop.tasks:
        name = NAMED_OTHERWISE.get(task["name"], task["name"])
        ours[name] = task["module"] if name == task["name"] else name.rpartition(".")[0]
    registered = {name: module for name, module in said["registered"].items() if name in ours}
    assert registered == ours
    for module in sorted(shop.rewritten):
        tasks = [name for name, owner in said["registered"].items() if owner == module]
        print(f"\n{module}: {len(tasks)} tasks, not ours: {', '.join(sorted(set(tasks) - set(ours))) or 'none'}", end="")


@pytest.mark.parametrize(("pool", "options", "first_db"), [("prefork", ("-c", "2"), 4), ("threads", ("-c", "4"), 7)])
def test_each_rewritten_task_runs_on_a_worker(
    pool: str, options: tuple[str, ...], first_db: int, shop: Migrated, services: dict[str, str], redis_url: str, tmp_path: Path
) -> None:
    env = {**shop.env, **services, **data_directory(tmp_path), **empty_databases(redis_url, first_db)}
    places = {"media": env["SHOP_MEDIA_ROOT"], "partners": env["HTTP_PROXY"]}
    keys = [(task["module"], task["function"]) for task in shop.tasks]
    assert sorted(keys) == sorted((module, function) for module, calls in CALLS.items() for function in calls)
    calls = [CALLS[module][function] for module, function in keys]
    sent = [(*key, task["name"], placed(call.args, places), call.user) for key, task, call in zip(keys, shop.tasks, calls)]

    logs = tmp_path / "shop.log", tmp_path / "feeds.log"
    with shown_on_failure(*logs):
        with ExitStack() as stack:
            stack.enter_context(worker("shop.worker", QUEUES, pool, *options, "-I", "shop_operations", env=env, log=logs[0]))
            stack.enter_context(worker("shop.feeds", "feeds", "solo", env=env, log=logs[1]))
            # Backwards, for warm_up, which takes five seconds, is near the end.
            said = run_here("customer", env=env, input=json.dumps(sent[::-1]))
        outcomes = said["outcomes"][::-1]
        wrong = [
            f"{'.'.join(key)}: expected {call}, got {outcome['state']}, {outcome['value']}\n{outcome['traceback'] or ''}"
            for key, call, outcome in zip(keys, calls, outcomes)
            if not is_right(outcome, call, placed(call.gives, places))
        ]
        assert not wrong, f"{len(wrong)} of {len(keys)} tasks:\n" + "\n".join(wrong)
    assert said["balance"] == 3, "export_customer costs 2 credits of 5"
    succeeded = sum(outcome["state"] == "SUCCESS" for outcome in outcomes)
    print(
        f"\n{pool}: {succeeded} of {len(keys)} tasks of {len(shop.rewritten)} modules succeed, {len(keys) - succeeded} fail as they should"
    )
    assert succeeded == sum(call.raises is None for call in calls)


def empty_databases(redis_url: str, first: int) -> dict[str, str]:
    """Three databases of the Redis, emptied; gives the part of the shop's environment that says where they are."""
    broker, cache, runtime = (f"{redis_url}/{first + number}" for number in range(3))
    for url in (broker, cache, runtime):
        with redis.Redis.from_url(url) as client:
            client.flushdb()
    return {
        "SHOP_BROKER_URL": broker,
        "SHOP_RESULT_BACKEND": broker,
        "CELERY_RESULT_BACKEND": broker,  # the feeds have none, and we want to know what came of them
        "C_FORCE_ROOT": "1",  # the feeds accept pickle, which Celery refuses to root, who runs the tests in a container
        "SHOP_CACHE_URL": cache,
        "CRB_REDIS_URL": runtime,
        "CRB_SECRET": "a secret of the shop, long enough",
    }


def placed(value: Any, places: dict[str, str]) -> Any:
    """`value` with the places in its texts filled in."""
    if isinstance(value, str):
        return value.format(**places)
    if isinstance(value, (list, tuple)):
        return [placed(item, places) for item in value]
    return value


def is_right(outcome: dict[str, Any], call: Call, gives: object) -> bool:
    """Whether a task did what it should. What fails must not fail in our own code."""
    if call.raises is None:
        return bool(outcome["state"] == "SUCCESS" and outcome["value"] == gives)
    raised_by = (outcome["traceback"] or "").rpartition('  File "')[2]
    ours = raised_by.startswith(f"{ROOT}/celery_best_practices/")
    return outcome["state"] == call.fails and str(outcome["value"]).startswith(call.raises) and not ours


@contextmanager
def shown_on_failure(*logs: Path) -> Iterator[None]:
    """Print the logs when the test fails."""
    try:
        yield
    except BaseException:
        for log in logs:
            print(f"--- {log.name}\n{log.read_text() if log.exists() else 'not started'}")
        raise
