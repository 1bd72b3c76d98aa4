"""What a trace holds, as rows: the read model of every reader. It knows logs and trace.json documents alike."""
