# One image for every service of docker-compose.yml; each container runs one command of it.
FROM python:3.11-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir uv && uv venv /opt/venv
COPY requirements/worker.lock /tmp/worker.lock
RUN UV_COMPILE_BYTECODE=1 VIRTUAL_ENV=/opt/venv uv pip install --no-cache --requirement /tmp/worker.lock
# The tree kernel is compiled here: the running image has no compiler.
COPY apps/core /app/apps/core
COPY apps/algorithms /app/apps/algorithms
COPY apps/__init__.py /app/apps/__init__.py
RUN cd /app && MLPLATFORM_KERNEL_DIR=/opt/kernel /opt/venv/bin/python -c \
    "from apps.algorithms.predictors.kernels import kernel; assert kernel() is not None"

FROM python:3.11-slim-bookworm
# pg_dump and pg_restore serve `manage.py backup` and `restore`.
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-client && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home mlplatform && install -d -o mlplatform -g mlplatform /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/kernel /opt/kernel
COPY manage.py /app/
COPY mlplatform /app/mlplatform
COPY apps /app/apps
WORKDIR /app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=mlplatform.settings.production \
    MLPLATFORM_VAR=/data \
    MLPLATFORM_KERNEL_DIR=/opt/kernel
USER mlplatform
VOLUME /data
CMD ["python", "manage.py", "doctor"]
