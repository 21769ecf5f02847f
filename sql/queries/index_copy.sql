COPY audit.entry (at, transaction_id, last_id, place, terms) FROM STDIN
