"""Logs > Audit Log in a browser: who gets in, the pages, and the API for programs."""
