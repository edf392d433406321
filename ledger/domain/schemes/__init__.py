"""The schemes by which things get their identifiers: one file each, and the table of all of them.

A new scheme is a file that makes a `Scheme`, and its line in `table`.
"""
