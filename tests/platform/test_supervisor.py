"""The supervisor's own parts, with small real processes in place of the platform's."""

import errno
import socket
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from mlplatform.management.commands import up
from mlplatform.supervisor import processes
from mlplatform.supervisor.broker import choose_broker
from mlplatform.supervisor.ports import free_port
from mlplatform.supervisor.processes import Part, Supervisor, rotate
from tests.journeys.running import free_port as a_port


def part(folder: Path, name: str, program: str) -> Part:
    return Part(name, [sys.executable, "-c", program], folder / f"{name}.log", lambda: True)


def stop(*parts: Part) -> None:
    Supervisor(list(parts)).stop([[one.name for one in parts]], 5.0)


class Clock:
    """Stands for `time` in the supervisor."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


def test_a_part_that_dies_again_and_again_is_tried_ever_less_and_never_given_up(tmp_path, caplog, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(processes, "time", clock)
    sick, well = part(tmp_path, "sick", "raise SystemExit(3)"), part(tmp_path, "well", "import time; time.sleep(600)")
    supervisor = Supervisor([sick, well])
    for one in supervisor.parts:
        one.start()
    before = well.pid
    starts = []
    try:
        while clock.now < 150:
            sick.process.wait()
            if supervisor.revive():
                starts.append(clock.now)
            clock.now += 0.5

        pauses = [after - before for before, after in pairwise(starts)]
        assert pauses[:4] == [2.5, 4.5, 8.5, 15.5]
        assert set(pauses[4:]) == {15.5}
        assert (well.alive, well.pid) == (True, before)
        assert f"the next try is in 15 s. Its log {sick.log} says why" in caplog.text
    finally:
        monkeypatch.undo()
        stop(sick, well)


def test_a_part_that_dies_once_comes_back_with_its_old_log_beside(tmp_path: Path):
    one = part(tmp_path, "one", "print('hello', flush=True); import time; time.sleep(600)")
    supervisor = Supervisor([one])
    one.start()
    first = one.pid
    try:
        until = time.monotonic() + 20
        while b"hello" not in one.log.read_bytes() and time.monotonic() < until:
            time.sleep(0.05)
        one.process.kill()
        one.process.wait()
        while not one.alive and time.monotonic() < until:
            supervisor.revive()
            time.sleep(0.05)

        assert one.alive
        assert one.pid != first
        assert b"hello" in one.log.with_suffix(".log.1").read_bytes()
        assert supervisor.pids() == {"one": one.pid}
    finally:
        stop(one)


def test_a_part_that_does_not_listen_is_killed_in_time(tmp_path: Path):
    deaf = part(
        tmp_path,
        "deaf",
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)",
    )
    deaf.start()
    until = time.monotonic() + 20
    while b"deaf" not in deaf.log.read_bytes() and time.monotonic() < until:
        time.sleep(0.05)

    began = time.monotonic()
    Supervisor([deaf]).stop([["deaf"]], 1.0)

    assert not deaf.alive
    assert time.monotonic() - began < 5


def test_a_part_that_dies_at_once_is_not_waited_for(tmp_path: Path):
    dead = Part("dead", [sys.executable, "-c", "pass"], tmp_path / "dead.log", lambda: False)
    dead.start()

    began = time.monotonic()

    assert not dead.wait_ready(60)
    assert time.monotonic() - began < 20


def test_a_log_that_grew_too_large_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(processes, "_LARGEST_LOG", 10)
    small, large = tmp_path / "small.log", tmp_path / "large.log"
    small.write_text("short")
    large.write_text("a long story")

    rotate(small)
    rotate(large)
    rotate(tmp_path / "none.log")

    assert small.read_text() == "short"
    assert large.read_text() == ""
    assert large.with_suffix(".log.1").read_text() == "a long story"


def test_a_log_is_emptied_though_there_is_no_room_to_put_it_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(processes, "_LARGEST_LOG", 10)
    large = tmp_path / "large.log"
    large.write_text("a long story")
    large.with_suffix(".log.1").symlink_to("/dev/full")

    rotate(large)

    assert large.read_text() == ""
    assert not large.with_suffix(".log.1").exists()


def test_parts_are_kept_alive_though_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    command, looked = up.Command(), []
    command.stopping, command.stopped, command.kept = (threading.Event() for _ in range(3))

    class Disk:
        parts = ()

        def pids(self) -> dict[str, int]:
            return {}

        def revive(self) -> list[str]:
            looked.append(1)
            if len(looked) == 3:
                command.stopping.set()
                command.stopped.set()
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(up, "_TICK_SECONDS", 0.01)

    command._keep(Disk(), None, None, tmp_path / "facts.json")

    assert len(looked) == 3
    assert command.kept.is_set()


def test_a_port_is_taken_as_wished_or_else_its_next_free_neighbour():
    with socket.socket() as door:
        door.bind(("127.0.0.1", a_port()))
        door.listen()
        taken = door.getsockname()[1]

        assert taken < free_port(taken) < taken + 100
    assert free_port(taken) == taken


def test_two_platforms_that_look_at_once_get_ports_of_their_own():
    wanted = a_port()
    look = f"from mlplatform.supervisor.ports import free_port; print(free_port({wanted}), flush=True); input()"
    lookers = [
        subprocess.Popen([sys.executable, "-c", look], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(4)
    ]
    try:
        found = [int(looker.stdout.readline()) for looker in lookers]
    finally:
        for looker in lookers:
            looker.communicate(b"\n")

    assert len(set(found)) == 4
    assert wanted in found
    assert free_port(wanted) == wanted  # who has ended claims nothing


def test_no_broker_at_all_is_said_with_the_ways_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)

    with pytest.raises(RuntimeError, match=r"redis-server.*REDIS_URL"):
        choose_broker(tmp_path)


def test_the_password_of_the_broker_is_in_private_files_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("REDIS_URL", raising=False)
    server = tmp_path / "redis-server"
    server.write_text("#!/bin/sh\n")
    server.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))

    broker = choose_broker(tmp_path / "var")

    password = broker.url.split(":")[2].split("@")[0]
    assert len(password) > 20
    assert password not in " ".join(broker.command)
    holders = [path for path in (tmp_path / "var").rglob("*") if path.is_file() and password in path.read_text()]
    assert holders
    assert {path.stat().st_mode & 0o777 for path in holders} == {0o600}
