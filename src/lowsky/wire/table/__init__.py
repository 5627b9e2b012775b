"""The measurement table (docs/feeds/table.md): rows of a file or a stream ↔ batches. One field table for both ways.

bytes, Arrow ─▶ Rows ─▶ judge ─▶ Looks ─▶ MeasurementBatch ─▶ Arrow, file
             arrow text     verdict    looks                    write
"""
