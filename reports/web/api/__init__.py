"""The log for programs: JSON under /api/v1, and the document that describes it."""
