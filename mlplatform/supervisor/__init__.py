"""`manage.py up`: one process that starts the others in order, keeps them alive and stops them all."""
