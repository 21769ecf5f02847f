-- What an installation leaves behind besides its objects: the cluster that it runs in.
select audit.note_incarnation();
