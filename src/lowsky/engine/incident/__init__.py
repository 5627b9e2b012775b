"""Evidence bundles: what was seen and done about one alert, in one file that can be checked (docs/evidence.md)."""
