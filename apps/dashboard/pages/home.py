"""The first page: what there is, what runs, what needs attention."""

from django.http import HttpResponseBase
from django.utils.translation import gettext as _

from apps.dashboard import charts
from apps.dashboard.pages.access import Visit, page
from apps.dashboard.selectors import campaign_rows, dataset_rows, model_rows, prediction_days, summary_of
from apps.datasets.selectors import datasets_of
from apps.registry.selectors import models_of

_RECENT = 6
_MOST_MODELS = 25


@page
def home(visit: Visit) -> HttpResponseBase:
    """Show the dashboard of the workspace in view."""
    ids = visit.workspace_ids
    days = prediction_days(ids)
    return visit.render(
        "home.html",
        rows=model_rows(models_of(ids)[:_MOST_MODELS]),
        most_models=_MOST_MODELS,
        summary=summary_of(ids)["summary"],
        campaigns=campaign_rows(ids)[:_RECENT],
        datasets=dataset_rows(datasets_of(ids)[:_RECENT]),
        predicted=sum(count for _day, count in days),
        predictions_chart=charts.histogram(
            [count for _day, count in days], title=_("Rows predicted on each of the last 7 days")
        ),
    )
