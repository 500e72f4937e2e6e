"""What a version's page says of how sure it is and of where it does worse."""

import re

import pytest
from django.urls import reverse
from django.utils import translation

from apps.dashboard.figures import figure, span
from apps.dashboard.pages.reports import slice_words
from apps.dashboard.words import translated
from apps.registry.models import ModelVersion
from tests.dashboard.reading import Page

SLICE = {
    "column": "city", "kind": "category", "value": "Lyon", "from": None, "to": None, "missing": False, "rows": 140,
    "score": 0.61, "low": 0.52, "high": 0.69, "elsewhere": 0.83, "p_value": 0.001, "verdict": "worse",
}  # fmt: skip


def page_of(browser, user, model, kind, language="en"):
    args = [model.pk, 1] if kind.startswith("version") else [model.pk]
    return Page(browser(user, language).get(reverse(f"dashboard:{kind}", args=args)))


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("kind", ["version", "model"])
def test_each_score_has_its_interval_and_each_baseline_its_line(cast, late_payers, browser, kind, language):
    evaluation = late_payers.versions.get().evaluation

    page = page_of(browser, cast.viewer, late_payers, kind, language)

    assert page.faults == []
    low, high = evaluation["intervals"]["metrics"]["roc_auc"]
    with translation.override(language):
        assert f"({figure(low)}\u2013{figure(high)})" in page.text
        assert all(translated(one["name"]) in page.text for one in evaluation["baselines"])
    assert [one["kind"] for one in evaluation["baselines"]] == ["trivial", "linear"]
    assert ("resamples of the" if language == "en" else "rééchantillonnages des") in page.text


def test_the_api_carries_intervals_slices_and_baselines_and_performance_stays(cast, late_payers, api):
    client = api(cast.viewer)

    version = client.get(reverse("version-detail", args=[late_payers.pk, 1])).json()
    performance = client.get(reverse("model-performance", args=[late_payers.pk])).json()

    assert set(version["evaluation"]["intervals"]["metrics"]) == set(version["metrics"]) == set(performance["metrics"])
    assert {"metric", "tested", "worse", "columns"} <= version["evaluation"]["slices"].keys()
    assert version["evaluation"]["baselines"][0]["metrics"] == version["baseline"]["metrics"]


@pytest.mark.parametrize(("language", "words"), [("en", "0.610 (0.520\u20130.690)"), ("fr", "0,610 (0,520\u20130,690)")])
def test_worse_slices_are_a_table(cast, late_payers, browser, language, words):
    version = late_payers.versions.get()
    slices = {**version.evaluation["slices"], "tested": 9, "worse": [SLICE, {**SLICE, "value": "<b>"}]}
    ModelVersion.objects.filter(pk=version.pk).update(evaluation={**version.evaluation, "slices": slices})

    page = page_of(browser, cast.viewer, late_payers, "version", language)

    assert page.faults == []
    assert words in re.sub(r"\s+", " ", page.text)
    assert "<b>" in page.text


def test_a_version_made_before_there_were_reports_is_shown(cast, late_payers, browser):
    version = late_payers.versions.get()
    old = {name: value for name, value in version.evaluation.items() if name not in {"intervals", "slices", "baselines"}}
    ModelVersion.objects.filter(pk=version.pk).update(evaluation=old)

    for kind in ("version", "model", "version_card"):
        page = page_of(browser, cast.viewer, late_payers, kind)
        assert page.faults == []
        assert "resamples" not in page.text


def test_slices_are_named_as_a_reader_writes_them():
    with translation.override("fr"):
        assert slice_words(SLICE) == "Lyon"
        assert slice_words({**SLICE, "value": True}) == "vrai"
        assert slice_words({**SLICE, "value": None, "missing": True}) == "manquant"
        assert slice_words({**SLICE, "value": None, "from": 0.5, "to": 1.25}) == "0,500 à 1,250"
        assert slice_words({**SLICE, "value": None, "from": "2026-01-31", "to": "2026-02-28"}) == "31/01/2026 à 28/02/2026"


def test_a_span_below_zero_is_not_mistaken():
    with translation.override("en"):
        assert span(-0.5, -0.25) == "-0.500 to -0.250"


@pytest.mark.parametrize(
    ("english", "french"),
    [
        (
            "It does worse where city is Lyon: root mean squared error 12.6 on 124 rows, 3.67 elsewhere.",
            "erreur quadratique moyenne 12,6 sur 124 lignes, 3,67 ailleurs.",
        ),
        ("It does worse where age is between 18 and 32.5: ROC AUC 0.6 on 90 rows, 0.83 elsewhere.", "entre 18 et 32,5"),
        (
            "A plain linear model does better (ROC AUC 0.91 against 0.88): take it, or look for what this model misses.",
            "(aire sous la courbe ROC 0,91 contre 0,88)",
        ),
    ],
)
def test_warnings_are_said_in_french_with_their_measures(english, french):
    with translation.override("fr"):
        assert french in translated(english)


@pytest.mark.parametrize(
    ("name", "main", "words"),
    [
        ("the largest robust z-score", "roc_auc", "en vaut pas la peine"),
        ("the largest robust z-score", "alert_rate", "Sans étiquettes, rien ne dit"),
        ("groups at random, of the same sizes", "adjusted_rand", "ne sont pas ceux des étiquettes"),
        ("groups at random, of the same sizes", "silhouette", "Être devant elle est le minimum"),
        ("groups at random, of the same sizes", "noise_share", "un groupe, donc aucune comparaison"),
        ("always the share of each class", "roc_auc", ""),
    ],
)
def test_it_says_what_it_means_to_be_ahead_of_a_baseline_that_nobody_knows(cast, late_payers, browser, name, main, words):
    version = late_payers.versions.get()
    version.baseline["name"], version.evaluation["main"] = name, main
    version.save()

    page = Page(browser(cast.viewer, "fr").get(reverse("dashboard:model", args=[late_payers.pk])))

    assert (words in page.text) if words else ("Cette référence" not in page.text)
