"""The charts of a search."""

import pytest

from apps.algorithms.choice import AUTO
from apps.dashboard import search_charts
from apps.training.models import Trial
from tests.dashboard.reading import Page
from tests.dashboard.searches.conftest import add, url

Status = Trial.Status


class TestCharts:
    def test_there_is_one_for_each_algorithm_with_enough_trials(self, cast, under_way, browser):
        campaign = under_way(AUTO)
        for number, algorithm in enumerate(["xgboost"] * 3 + ["svm"] * 2 + ["random_forest"] * 3, start=1):
            settings = {"xgboost": {"max_depth": 3, "reg_lambda": 1.0}, "svm": {"gamma": None}}
            searched = settings.get(algorithm, {"min_samples_leaf": 3, "max_features": "auto"})
            add(campaign, number, algorithm=algorithm, searched=searched, scores=[number / 10, number / 10])

        page = Page(browser(cast.viewer, "fr").get(url("campaign", campaign.pk)))

        charts = page.all("svg", class_="parallel")
        assert [chart.text for chart in page.all("h3")] == ["Forêt aléatoire", "XGBoost"]
        assert len(charts) == 2
        assert "auto" in charts[0].text  # a default where no search looks has its place all the same
        assert "Profondeur" in charts[1].text
        assert "Réglages et scores des essais : XGBoost" in [title.text for title in page.all("title")]

    def test_the_best_is_drawn_last_in_full_colour_and_what_was_stopped_faint(self, cast, under_way, browser):
        campaign = under_way()
        for number in range(1, 5):
            add(campaign, number, scores=[number / 10] * 2)
        add(campaign, 5, "pruned", scores=[0.05])
        add(campaign, 6, "failed", scores=[0.3])
        add(campaign, 7, "running", scores=[0.3])

        page = Page(browser(cast.viewer).get(url("campaign", campaign.pk)))

        assert [line.get("class") for line in page.all("polyline")[-5:]] == [
            "stopped",
            "tone-0",
            "tone-1",
            "tone-3",
            "tone-4",
        ]
        assert page.all("polyline")[-1].text.startswith("0.400 · Depth 4; L2 penalty 0.500")

    def test_an_algorithm_that_is_gone_is_not_drawn(self, cast, under_way, browser):
        campaign = under_way()
        for number in range(1, 5):
            add(campaign, number, algorithm="oracle", searched={"depth": number})

        page = Page(browser(cast.viewer).get(url("campaign", campaign.pk)))

        assert page.faults == []
        assert not page.all("svg", class_="parallel")
        assert "depth 4" in page.text

    @pytest.mark.parametrize(
        ("axis", "value", "height"),
        [
            (search_charts.numbers("", 0.0, 10.0), 2.5, 0.25),
            (search_charts.numbers("", 0.01, 100.0, is_log=True), 1.0, 0.5),
            (search_charts.numbers("", 0.0, 10.0, is_upside_down=True), 2.5, 0.75),
            (search_charts.numbers("", 3.0, 3.0), 3.0, 0.5),
            (search_charts.numbers("", 0.01, 100.0, is_log=True), 0.0, None),
            (search_charts.numbers("", 0.0, 10.0), None, None),
            (search_charts.numbers("", 0.0, 10.0), "auto", None),
            (search_charts.values("", [("a", "A"), ([64, 32], "64, 32")]), [64, 32], 0.75),
            (search_charts.values("", [("a", "A")]), "b", None),
        ],
    )
    def test_an_axis_knows_the_place_of_a_value(self, axis, value, height):
        assert axis.place(value) == (None if height is None else pytest.approx(height))

    @pytest.mark.parametrize(
        ("low", "high", "labels"),
        [
            (0.01, 0.2, ["0.01", "0.02", "0.05", "0.1", "0.2"]),
            (0.01, 100.0, ["0.01", "0.1", "1", "10", "100"]),
            (4.0, 64.0, ["5", "10", "20", "50"]),
            (1.2, 1.4, ["1.2", "1.4"]),
        ],
    )
    def test_an_axis_of_logarithms_has_round_numbers(self, low, high, labels):
        assert [label for _, label in search_charts.numbers("", low, high, is_log=True).marks] == labels

    def test_long_words_beside_the_first_axis_have_room(self):
        words = search_charts.values("Seasons", [(0, "additive"), (1, "proportional to the trend")])

        chart = search_charts.parallel([words, search_charts.numbers("Score", 0.0, 1.0)], [], title="Trials")

        (first, _) = (float(line.split('x1="')[1].split('"')[0]) for line in chart.split("<line")[1:])
        assert first > len("proportional to") * 6
        assert "proportional to</text>" in chart

    def test_what_has_no_value_is_drawn_below_and_says_so(self):
        axes = [search_charts.numbers("Gamma", 0.001, 1.0, is_log=True), search_charts.numbers("Score", 0.0, 1.0)]
        traces = [search_charts.Trace([None, 0.5], 4, "the first"), search_charts.Trace([0.1, -2.0], None, "<b>")]

        chart = search_charts.parallel(axes, traces, title="Trials")

        assert "\u2013</text>" in chart
        assert "&lt;b&gt;" in chart
        ends = [line.split('points="')[1].split('"')[0].split()[-1] for line in chart.split("<polyline")[1:]]
        heights = [float(end.split(",")[1]) for end in ends]
        assert heights[1] == heights[0] + search_charts._HEIGHT / 2  # beyond the scale is at its end
