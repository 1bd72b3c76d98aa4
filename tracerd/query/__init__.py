"""Questions about rows: expressions, and what is counted and measured of the rows that they choose."""
