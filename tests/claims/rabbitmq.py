"""A RabbitMQ for the tests, where one is installed: a node of its own, gone when the tests are."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.runtime.servers import die_with_parent, free_port, until

STARTS_WITHIN = 120


@contextmanager
def rabbitmq_server() -> Iterator[str]:
    """The URL of a RabbitMQ that the tests may fill."""
    port, names_port = free_port(), free_port()
    directory = Path(tempfile.mkdtemp(prefix="crb-rabbitmq-"))
    directory.chmod(0o777)  # Debian's rabbitmq-server, started by root, runs as another user
    environment = {
        **os.environ,
        "HOME": str(directory),
        "ERL_EPMD_PORT": str(names_port),
        "RABBITMQ_NODENAME": f"crb{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_MNESIA_BASE": str(directory / "data"),
        "RABBITMQ_LOG_BASE": str(directory / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
        "RABBITMQ_PID_FILE": str(directory / "pid"),
        "RABBITMQ_CONFIG_FILE": str(directory / "none"),
    }
    started = []
    try:
        # A node starts Erlang's name server by itself, as a daemon that would outlive it: this one is found instead.
        for command in (["epmd", "-address", "127.0.0.1", "-port", str(names_port)], ["rabbitmq-server"]):
            started.append(_start(command, environment, directory / f"{command[0]}.out"))
            listens = names_port if command[0] == "epmd" else port
            until(
                lambda listens=listens: _listens(listens) or started[-1].poll() is not None,
                within=STARTS_WITHIN,
                what=f"{command[0]} listens",
            )
            if started[-1].poll() is not None:
                raise RuntimeError(f"{command[0]} ended at once:\n{(directory / f'{command[0]}.out').read_text()}")
        yield f"amqp://guest:guest@127.0.0.1:{port}//"
    finally:
        with suppress(OSError, ValueError, subprocess.TimeoutExpired):
            os.kill(int((directory / "pid").read_text()), signal.SIGKILL)  # Debian's script gives the node a session of its own
            started[-1].wait(10)
        for process in reversed(started):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(directory, ignore_errors=True)


def _start(command: list[str], environment: dict[str, str], out: Path) -> subprocess.Popen[bytes]:
    with out.open("wb") as output:
        return subprocess.Popen(
            command,
            env=environment,
            cwd=out.parent,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
