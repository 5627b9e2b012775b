"""Broadcast Remote ID (ASTM F3411-22a, ASD-STAN EN 4709-002): link layers to messages, messages to records and back.

    link bytes ──link.transmissions──▶ Transmission(transmitter, counter, payload, crc_ok)
    payload    ──messages.split──────▶ 25-byte messages of a pack
    message    ──messages.decode─────▶ BasicId, Location, Authentication, SelfId, System, OperatorId
    record     ──messages.encode─────▶ message (tests and the simulator)

``fields`` is the one table behind ``decode`` and ``encode``.
"""
