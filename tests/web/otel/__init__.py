"""The SDKs of OpenTelemetry, as programs that send something of each kind."""
