"""Serves one MLflow model over HTTP: /health, /ready, /predict, /metrics."""
