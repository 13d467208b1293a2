"""What each report has to show, in words, before it has a form."""
