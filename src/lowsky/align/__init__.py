"""The funnel: asynchrony ends here. One ordered, event-time stream out of many feeds.

settings   how long is waited, how much is held
order      a batch's place in the stream
queue      one sensor's waiting batches and its watermark
clockbias  what its times say about its clock
ledger     records in = measurements + rejects + held
funnel     all of it together
"""
