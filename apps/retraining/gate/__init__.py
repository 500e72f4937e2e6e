"""Judgements about versions: a challenger beside the champion, and a champion beside the one before it. Pure functions."""
