"""What Prometheus is told of models and their live versions."""

from collections.abc import Iterator

from django.db.models import Count, Q, Sum
from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric

from apps.core import clock
from apps.core.metrics import gauge
from apps.registry.models import Alias, ModelVersion, RegisteredModel

MOST_MODELS = 1_000  # told apart, those trained last first


def newest_champions() -> list[Alias]:
    """Return the open spans of the champions of models in service, the newest first, at most `MOST_MODELS`."""
    open_spans = Alias.objects.filter(name=Alias.Name.CHAMPION, until__isnull=True, model__archived_at__isnull=True)
    return list(open_spans.select_related("model__workspace", "version").order_by("-since")[:MOST_MODELS])


def figures() -> Iterator[Metric]:
    """Tell which models there are, which version of each is live, and what it scored."""
    models = gauge("models", "Models in service.")
    models.add_metric([], RegisteredModel.objects.filter(archived_at__isnull=True).count())
    yield models
    yield from _champions()
    yield from _versions()


def _champions() -> Iterator[Metric]:
    info = gauge("model_info", "A model with a live version; 1 for each.", "model", "name", "workspace", "algorithm")
    live = gauge("champion_version", "Number of the version that is live.", "model")
    age = gauge("champion_age_seconds", "How long ago the live version was trained.", "model")
    score = gauge("champion_score", "Main metric of the live version on the rows kept apart.", "model", "metric")
    now = clock.now()
    for span in newest_champions():
        model, version = str(span.model_id), span.version
        info.add_metric([model, span.model.name, span.model.workspace.name, version.algorithm], 1.0)
        live.add_metric([model], version.number)
        age.add_metric([model], (now - version.created_at).total_seconds())
        main = version.evaluation.get("main")
        if isinstance(found := version.metrics.get(main), int | float):
            score.add_metric([model, str(main)], found)
    yield from (info, live, age, score)


def _versions() -> Iterator[Metric]:
    champions = Alias.objects.filter(name=Alias.Name.CHAMPION)
    went = champions.aggregate(live=Count("pk"), back=Count("pk", filter=Q(rolled_back=True)))
    yield CounterMetricFamily("mlplatform_promotions", "How often a version went live.", value=went["live"])
    yield CounterMetricFamily("mlplatform_rollbacks", "How often a version was rolled back from.", value=went["back"])
    kept = ModelVersion.objects.aggregate(count=Count("pk"), size=Sum("size_bytes", filter=Q(files_removed_at=None)))
    versions, size = (
        gauge("versions", "Versions on record."),
        gauge("version_bytes", "Size of the files of all versions that have theirs."),
    )
    versions.add_metric([], kept["count"])
    size.add_metric([], kept["size"] or 0)
    yield from (versions, size)
