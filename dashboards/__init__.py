"""Prometheus rules, Grafana dashboards, and the templates, styles and scripts of pages: data, no code."""
