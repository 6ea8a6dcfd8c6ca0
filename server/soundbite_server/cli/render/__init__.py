"""What commands print: tables, bars, timelines and findings."""
