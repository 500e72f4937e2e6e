"""How many threads a process takes for itself."""

import os

import pytest

from apps.core.children import threads_here


@pytest.mark.parametrize(("load", "threads"), [(0.0, 4), (1.0, 4), (1.4, 4), (1.6, 1), (9.0, 1)])
def test_where_much_more_wants_to_run_than_there_are_cores_one_thread_is_taken(load, threads, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(os, "getloadavg", lambda: (2 * load, 0.0, 0.0))

    assert threads_here(4) == threads
