"""`tracerd exec`: any command on the timeline of its trace, without a change to it. Standard library only.

It runs once for each compile command of a build, so what it imports counts: on its way to the command it takes the C
modules `_socket` and `_signal`, whose Python halves cost as much time again as all the rest.
"""
