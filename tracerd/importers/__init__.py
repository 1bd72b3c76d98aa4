"""Files that other tools have written, as events of a trace. One file a format; what all share is in the others.

A reader puts spans into a `Timeline`, in any order. Then they are sorted, put on lanes and written as lines.
"""
