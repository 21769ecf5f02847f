"""A Django application with the tables that are watched."""
