"""How entries leave the program: for people on a terminal, and for programs as JSON lines or CSV."""
