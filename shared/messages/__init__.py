"""What people are told, vendor-neutral: facts in; title, lines and links out."""
