"""What people see of a run.

`words` puts numbers and foreign text into words, `content` says what a report has to tell, `terminal` prints it;
`live` is the screen while a run goes on, `frames` hands everything to pandas. Only `frames` imports pandas.
"""
