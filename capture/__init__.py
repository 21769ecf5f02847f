"""From rows to entries: catalogue, install, actor context, reading and folding what was captured."""
