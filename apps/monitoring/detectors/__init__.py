"""Detectors of drift: one a file, each a plain function of a column's counts, and the verdict that is made of them."""
