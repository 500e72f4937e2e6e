"""The web process loads no ML library: what import-linter and ruff cannot see is looked at in a fresh interpreter."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    *("pandas", "scipy", "sklearn", "xgboost", "pyarrow", "joblib", "tensorflow", "keras"),
    *("prophet", "holidays", "cmdstanpy", "shap", "numba", "optuna"),
)
SCRIPT = """
import importlib, os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "mlplatform.settings.test"
import django
django.setup()
from django.contrib import admin
from apps.algorithms import catalog
import mlplatform.asgi, mlplatform.celery
admin.autodiscover()
importlib.import_module("mlplatform.urls")
mlplatform.celery.app.loader.import_default_modules()
assert len(catalog.entries()) >= 3
assert [str(slug.parameters_schema()) for slug in catalog.entries()]
if len(sys.argv) > 1:
    from pathlib import Path
    from apps.algorithms.predictors import load_predictor
    predictor = load_predictor(Path(sys.argv[1]))
    rows = [{"x0": 1.0, "x1": None}]
    assert len(predictor.predict(rows).values) == len(predictor.explain(rows)) == 1
print(" ".join(sorted({name.split(".")[0] for name in sys.modules})))
"""


def loaded(*arguments: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", SCRIPT, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_urls_admin_catalogue_and_tasks_load_no_ml_library():
    assert not loaded() & set(HEAVY)


def test_a_prediction_and_its_explanation_load_none_either(tmp_path):
    from apps.algorithms import catalog
    from apps.algorithms.schema import Task
    from tests.contracts.tables import binary_table, silent

    service = catalog.get("xgboost")(task=Task.CLASSIFICATION, parameters={"n_estimators": 20})
    service.fit(binary_table(), silent)
    service.predictor(tmp_path)

    assert not loaded(str(tmp_path)) & set(HEAVY)
