select set_config(%s, %s, true)
