"""One folder per source format. Bytes in, MeasurementBatch out; the supervisor owns every socket."""
