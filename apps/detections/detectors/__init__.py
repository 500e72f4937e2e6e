"""What is an alert, what hides one, and which to look at next: pure functions, one idea a file."""
