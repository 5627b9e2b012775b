"""The page and the HTTP interface: reads the hub, never changes the picture."""
