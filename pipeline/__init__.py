"""Health, windows, supervision, events and the command line: the graph that joins the parts."""
