"""UAS geo-zones: ED-318 (GeoJSON) and ED-269 files, bytes → features as the file has them (``read.features_of``)."""
