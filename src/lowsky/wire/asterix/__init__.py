"""ASTERIX: bytes to records (``decode``, every item) and bytes to columns (``columns``, the wanted fields, fast).

Both are made from one table (``tables.json``, see ``tables``). Scales stay in the table: values here are the
integers of the wire, so that nothing is rounded before somebody asks for metres.
"""
