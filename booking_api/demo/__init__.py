"""A whole floor on one machine, with people who do not exist: `makerfloor demo`.

cast.py       who and what is there            seed.py       puts it into a new database
folder.py     the data folder and its marker   files.py      settings of server and gateway
processes.py  programs as child processes      staff.py      simulated staff, over the server's API
floor.py      the tree of processes            command.py    what the command prints, and how it ends
"""
