"""How fast is the daemon, and does it stay right when it is in a hurry? `python -m bench` measures both."""
