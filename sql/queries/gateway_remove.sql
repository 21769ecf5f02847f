update audit.gateway set until = now() where role = %(role)s and until is null
