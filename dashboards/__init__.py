"""Prometheus rules, Grafana dashboards and the pages' templates, styles and scripts: data that the server serves."""
