"""What the pages show, made from entries without a word of HTML: differences, days, moments of an entity, bars of a chart."""
