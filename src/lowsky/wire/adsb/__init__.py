"""Mode S and ADS-B on 1090 MHz: Beast framing, parity, fields, positions across messages."""
