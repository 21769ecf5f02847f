select set_config(%s, %s, false)
