"""The faults that are put into the code: each is one, and none listed as harmless has gone."""

from tests.mutants.__main__ import choose, every_mutant
from tests.mutants.equivalent import EQUIVALENT
from tests.mutants.making import mutants_of
from tests.mutants.trying import ROOT

SOURCE = '''
_PATIENCE = 30

def take(row, now: int = 1) -> bool:
    """Take it."""
    logger.info("taken %s", 1 < 2)
    assert row is not None
    if row.end and now < row.end:
        rows.filter(pk=row.pk, open=True).update(note=f"{now + 1}")
        raise Gone(f"at {now - 1}")
    row.count += 1
    return not any(row.late)
'''


def faults(source: str) -> set[str]:
    return {mutant.name.split("«")[1].split("»")[0] for mutant in mutants_of("it.py", source)}


def test_every_kind_of_fault_is_made_and_none_in_words():
    assert faults(SOURCE) == {
        "1 -> (2)", "1 -> (0)",
        "row.end -> True", "now < row.end -> (now <= row.end)", "now < row.end -> True",
        "row.end and now < row.end -> (row.end or now < row.end)",
        'rows.filter(pk=row.pk, open=True).update(note=f"{now + 1}") -> pass',
        "pk=row.pk -> **{}", "open=True -> **{}", "True -> (False)", 'note=f"{now + 1}" -> **{}',
        'raise Gone(f"at {now - 1}") -> pass',
        "row.count += 1 -> pass",
        "return not any(row.late) -> return None", "not any(row.late) -> (any(row.late))", "any(row.late) -> (all(row.late))",
    }  # fmt: skip


def test_a_fault_changes_its_place_and_nothing_else():
    source = "def f(été):\n    return (été + 1) / 2  # about\n"

    changed = {mutant.in_source(source) for mutant in mutants_of("it.py", source)}

    assert changed == {
        "def f(été):\n    return None  # about\n",
        "def f(été):\n    return ((été - 1)) / 2  # about\n",
        "def f(été):\n    return (été + (2)) / 2  # about\n",
        "def f(été):\n    return (été + (0)) / 2  # about\n",
        "def f(été):\n    return (été + 1) / (3)  # about\n",
        "def f(été):\n    return (été + 1) / (1)  # about\n",
    }


def test_faults_of_the_core_can_be_compiled():
    for mutant in choose(seed=1, count=100):
        source = (ROOT / mutant.path).read_text()
        assert mutant.in_source(source) != source
        compile(mutant.in_source(source), mutant.path, "exec")


def test_the_same_seed_draws_the_same_faults_and_none_that_is_harmless():
    first, again, other = choose(seed=1, count=48), choose(seed=1, count=48), choose(seed=2, count=48)

    assert first == again != other
    assert len(set(first)) == 48
    assert not EQUIVALENT.keys() & {mutant.name for mutant in choose(seed=1, count=10_000)}


def test_what_is_listed_as_harmless_is_still_there():
    assert EQUIVALENT.keys() <= {mutant.name for mutant in every_mutant()}
