"""Where bytes come from. Each transport yields ``Frame``s and raises ``TransportError`` when it is lost.

source   the text of ``source`` in the site file → ``Source``
link     what a transport tells the supervisor
stream   byte streams cut into frames, with bounded leftovers
udp      datagrams, unicast and multicast
tcp      a client, or a server for senders that connect to us
"""
