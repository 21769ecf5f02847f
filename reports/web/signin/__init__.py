"""The ways in: passwords, a trusted proxy, OpenID Connect; and the sessions that follow."""
