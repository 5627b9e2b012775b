"""Who else is told. An alert's change goes to the outbox, from there by one courier per output to its sender.

engine.telling ─▶ outbox (disk) ─▶ courier (a thread per output) ─▶ sender (webhook, mqtt, mail, …)
"""
