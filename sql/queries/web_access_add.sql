INSERT INTO audit.access (kind, name, method, address, attempts, format, filters)
VALUES (%(kind)s, %(name)s, %(method)s, %(address)s, %(attempts)s, %(format)s, %(filters)s)
