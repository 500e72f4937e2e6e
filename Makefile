PYTHON := .venv/bin/python
BIN := .venv/bin

.PHONY: run test fast check format lint types imports migrations schema messages docs lock postgres chaos audit fuzz bench

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
audit:       ## known faults of the locked packages (asks pypi.org)
	$(BIN)/uv tool run pip-audit@2.10.1 --no-deps --disable-pip --requirement requirements/worker.lock
fuzz:        ## 20,000 made-up requests at the API as it is described
	$(PYTHON) -m tests.fuzz --requests 20000 --seed 1
bench:       ## measure beside the peers
	$(BIN)/uv pip install --quiet --requirement requirements/bench.lock
	$(PYTHON) -m benchmarks
