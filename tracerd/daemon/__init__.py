"""The daemon: sockets, clients, the barrier, the order of the stop. The only folder that imports trio."""
