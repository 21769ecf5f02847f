-- What the session says of the actor.
select current_setting('audit.actor', true), current_setting('audit.context', true), current_setting('audit.signature', true)
