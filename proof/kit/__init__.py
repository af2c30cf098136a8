"""What the experiments share: the program as a process, a mail server that obeys, and a report."""
