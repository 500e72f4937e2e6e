"""What trains: one training, the search that looks for its settings, and one trial of a search. Worker only."""
