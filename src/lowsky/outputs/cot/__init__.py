"""Objects and alerts as Cursor on Target for TAK: XML or protobuf, over UDP, TCP and TLS."""
