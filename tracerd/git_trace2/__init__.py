"""What git writes of itself, trace2's event format, as spans, moments and children, and as lines of a trace; pure."""
