# The interpreter of both stages: the environment built in the first runs in the second.
FROM python:3.13.12-slim-trixie AS python

FROM python AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements/ requirements/
# Locked and only as wheels: nothing is compiled, and nothing comes in that was not meant.
RUN python -m venv /build/tools \
    && /build/tools/bin/pip install --quiet --require-hashes --only-binary=:all: -r requirements/build.txt \
    && python -m venv --without-pip /opt/atess-exporter \
    && /build/tools/bin/pip --python /opt/atess-exporter install --quiet --require-hashes --only-binary=:all: -r requirements/run.txt
COPY pyproject.toml README.md LICENSE config.example.yaml ./
COPY exporter/ exporter/
COPY grafana/ grafana/
COPY prometheus/ prometheus/
COPY deploy/ deploy/
RUN /build/tools/bin/python -m build --wheel --no-isolation --outdir /build/dist \
    && /build/tools/bin/pip --python /opt/atess-exporter install --quiet --no-index --no-deps /build/dist/*.whl

FROM python
LABEL org.opencontainers.image.title="atess-exporter" \
      org.opencontainers.image.description="Prometheus exporter for ATESS solar inverters and batteries, read from the Enerclo cloud" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/atess-exporter /opt/atess-exporter
# The demo's only file goes to memory, so that a read-only root file system does not stand in its way.
ENV PYTHONUNBUFFERED=1 TMPDIR=/dev/shm
# Where config.yaml is looked for.
WORKDIR /etc/atess-exporter
USER 65532:65532
EXPOSE 9837
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=15s --retries=3 \
    CMD ["/opt/atess-exporter/bin/atess-exporter", "healthcheck"]
ENTRYPOINT ["/opt/atess-exporter/bin/atess-exporter"]
