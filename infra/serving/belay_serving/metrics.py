"""What Prometheus reads; with several workers the numbers of all of them, whichever is asked.

The variable PROMETHEUS_MULTIPROC_DIR must be set before this file is imported where there are several workers.
https://prometheus.github.io/client_python/multiprocess/
"""

from __future__ import annotations

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST
disable_created_metrics()
#: Seconds. Close together where a p95 of an inference usually lies.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 0.75, 1, 2.5, 5, 10, 30)

REQUESTS = Counter("http_requests_total", "Requests that were answered.", ["method", "path", "code"])
DURATION = Histogram(
    "http_request_duration_seconds", "From a request to its answer.", ["method", "path"], buckets=BUCKETS
)
IN_PROGRESS = Gauge("http_requests_in_progress", "Requests being answered.", multiprocess_mode="livesum")
ERRORS = Counter("belay_prediction_errors_total", "Predictions that failed, by whose fault.", ["reason"])
MODEL = Gauge("belay_model_info", "1 for the model that is served.", ["model", "version"], multiprocess_mode="max")
LOADED = Gauge("belay_model_load_seconds", "How long the model took to load.", multiprocess_mode="max")

# There from the beginning: a rate over a series that begins with its first error misses that error.
for reason in ("input", "model", "busy", "loading"):
    ERRORS.labels(reason)


def render_metrics() -> bytes:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return generate_latest(registry)
