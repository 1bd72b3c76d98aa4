"""OpenTelemetry's protocol: its messages, as its JSON has them, as a log keeps them, and as protobuf. Pure."""
