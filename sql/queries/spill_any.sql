select exists (select from audit.change_spill) or exists (select from audit.transaction_spill)
