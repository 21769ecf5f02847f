select audit.note_incarnation()
