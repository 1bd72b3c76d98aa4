"""What a trace's log says that Perfetto would leave out, count as an error or show wrongly: the thinking of `check`.

Strategy: do what Perfetto does, and report where it complains. Lines are read as its tokenizer reads them (`events`),
sorted as its sorter sorts them (`order`), and played on stacks like its own (`slices`, `asyncs`, `flows`). "v52" is
Perfetto 52.0: these rules are those of its source, and the tests compare the verdicts with those of the real one.
"""
