"""The messages of OpenTelemetry's protocol."""
