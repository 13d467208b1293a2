"""What people see of a run.

`format` writes numbers and foreign text, `build` makes what each report has to show, `render` gives it a
form; `progress` is the display while something runs, `frames` hands everything to pandas. Only `frames`
imports pandas.
"""
