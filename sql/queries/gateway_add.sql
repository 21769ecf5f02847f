insert into audit.gateway (role) values (%(role)s)
