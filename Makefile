PYTHON := .venv/bin/python
BIN := .venv/bin

.PHONY: run test fast check format lint types imports migrations schema messages docs lock postgres chaos loop audit fuzz mutants coverage bench

run:         ## start the platform
	python3 quickstart.py
test:        ## everything
	python3 quickstart.py test
fast:        ## without what is slow
	python3 quickstart.py test --fast
check: lint types imports migrations fast  ## what a reviewer would run
format:
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only .
lint:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
types:
	$(BIN)/mypy
imports:
	$(BIN)/lint-imports
migrations:
	$(PYTHON) manage.py makemigrations --check --dry-run
schema:      ## write docs/openapi.json from the code
	$(PYTHON) manage.py spectacular --format openapi-json --validate --file docs/openapi.json
messages:    ## collect and compile the texts of the pages
	$(PYTHON) manage.py makemessages --locale fr --no-obsolete --no-location --ignore .venv
	$(PYTHON) manage.py compilemessages --locale fr --ignore .venv
docs:        ## draw what the docs take from the code
	$(PYTHON) docs/draw.py
lock:        ## resolve the dependencies again
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate requirements/worker.in -o requirements/worker.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate requirements/dev.in -c requirements/worker.lock -o requirements/dev.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate requirements/bench.in -c requirements/dev.lock -o requirements/bench.lock
postgres:    ## everything, on a private PostgreSQL
	$(PYTHON) -m tests.postgres
chaos:       ## kill every part, again and again, while people work; then audit
	$(PYTHON) -m tests.chaos --seed 1 --kills 200 --campaigns 500
loop:        ## train, serve, drift, retrain, judge, promote, roll back: told as a story
	$(PYTHON) -m tests.journeys.loop
audit:       ## known faults of the locked packages (asks pypi.org)
	$(BIN)/uv tool run pip-audit@2.10.1 --no-deps --disable-pip --requirement requirements/worker.lock
fuzz:        ## 20,000 made-up requests at the API as it is described
	$(PYTHON) -m tests.fuzz --requests 20000 --seed 1
mutants:     ## put faults into a copy of the core: the tests must notice them
	$(PYTHON) -m tests.mutants --seed 1 2
# No line of jobs, artefacts and permissions goes untested.
WHOLE := apps/*/lifecycle.py,apps/*/supervision.py,apps/training/trial_lifecycle.py,apps/training/tasks.py,apps/core/artifacts.py,apps/registry/files.py,apps/core/permissions.py,apps/workspaces/access.py,apps/workspaces/api/authentication.py,apps/workspaces/api/permissions.py,apps/workspaces/api/viewsets.py
coverage:    ## run everything, measured: 95 % of all lines, every line of some files
	$(BIN)/coverage erase
	$(PYTHON) -m pytest --numprocesses auto --cov --cov-report=
	$(BIN)/coverage report --skip-covered --fail-under 95
	$(BIN)/coverage report --show-missing --include '$(WHOLE)' --fail-under 100
bench:       ## measure beside the peers
	$(BIN)/uv pip install --quiet --requirement requirements/bench.lock
	$(PYTHON) -m benchmarks
