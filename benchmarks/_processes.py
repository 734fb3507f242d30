"""Commands in new processes, whose seconds and memory do not depend on earlier code."""

import subprocess


def output_of(*command, env=None):
    """Run a command; return what it prints. Its errors are shown."""
    arguments = [str(each) for each in command]
    return subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True, env=env).stdout


def last_line_of(*command, env=None):
    """Run a command; return the last line that it prints."""
    return output_of(*command, env=env).splitlines()[-1]
