"""`python -m chat.relay.demo`: the demo relay without Django, which makes it start at once."""

import argparse
import sys

from chat.relay.demo.options import add_options, settings_of
from chat.relay.demo.run import run

parser = argparse.ArgumentParser(prog="python -m chat.relay.demo", description=__doc__)
add_options(parser)
options = vars(parser.parse_args())
sys.exit(run(settings_of(options), options["ready_file"]))
