"""Alerts as Common Alerting Protocol 1.2: texts, areas and a signature. Occurrence in, bytes out."""
