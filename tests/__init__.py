"""The tests; what they need is in the plug-ins fix_*.py."""
