SELECT value FROM audit.web_secret
