"""Telling processes apart."""

import subprocess
import sys

import psutil

from apps.core import processes


def test_this_process_is_not_gone():
    assert not processes.is_gone(processes.identity())


def test_a_process_that_ended_is_gone_and_so_is_one_whose_number_was_taken_again():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = processes.identity(child.pid)

    assert not processes.is_gone(owner)
    assert processes.is_gone({**owner, "born": owner["born"] - 1})
    child.kill()
    child.wait()
    assert processes.is_gone(owner)


def test_a_process_elsewhere_is_not_known_to_be_gone():
    assert not processes.is_gone({**processes.identity(), "machine": "another", "pid": 1})
    assert not processes.is_gone({})


def test_a_corrected_clock_makes_no_process_another_one(monkeypatch):
    owner = processes.identity()
    monkeypatch.setattr(psutil, "boot_time", lambda: 0.0)

    assert not processes.is_gone(owner)
