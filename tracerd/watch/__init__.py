"""Rules over the windows of traces to alerts, and alerts to channels."""
