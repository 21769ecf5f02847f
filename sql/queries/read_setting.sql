select current_setting(%s, true)
