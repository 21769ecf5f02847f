SELECT content FROM audit.catalogue
