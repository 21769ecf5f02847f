UPDATE audit.recipient SET paused = %(paused)s WHERE id = %(id)s AND paused <> %(paused)s
