"""From captured changes to entries: what one save did to one entity, in sentences. Start at `describe`."""
