"""What a browser is shown: pages over the same answers that the API gives."""
