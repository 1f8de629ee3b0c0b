"""Run by the Python of the peer: machine-access-control as its `mac-server` runs it, on 127.0.0.1 only.

`machine_access_server.py PORT`, in a folder with machines.json and users.json.
"""

from __future__ import annotations

import sys

from dm_mac import create_app

if __name__ == "__main__":
    create_app().run(host="127.0.0.1", port=int(sys.argv[1]))
