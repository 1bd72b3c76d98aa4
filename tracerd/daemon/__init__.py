"""The daemon at work: sockets, clients, the barrier, the order of the stop. `service` puts it together."""
