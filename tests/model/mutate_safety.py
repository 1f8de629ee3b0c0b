"""Take each safety rule out of session.step and access.decide, one at a time, and see whether a test notices.

A mutation is a piece of source and what stands in its place. It is made in a copy of the package, which an
interpreter of its own finds first; there the walk over known kinds of machines and the table of denials run.
A mutant that they let pass is a rule that no test holds. `make test` takes every 24th, with the one that
changes nothing; `make campaign` takes all. By itself: python tests/model/mutate_safety.py
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from mutations import RULES, Mutation
from mutations_people import PEOPLE
from mutations_proof import PROOFS

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MUTATIONS = [*RULES, *PROOFS, *PEOPLE]
DEADLINE_S = 240
KILLED, SURVIVED = 3, 0
RUN = """
import sys, floor.session
assert floor.session.__file__.startswith(sys.argv[1]), floor.session.__file__
try:
    import test_floor_access as access
    access.test_a_request_that_only_just_passes_is_granted_with_the_terms_of_the_roster()
    access.test_each_rule_refuses_by_itself()
    access.test_of_two_reasons_the_earlier_rule_is_told()
    access.test_a_session_holds_a_part_where_its_machine_says_so()
    access.test_a_technician_overrides_what_may_be_overridden_and_nothing_else()
    access.test_who_may_supervise()
    access.test_a_phone_which_may_be_anywhere_is_its_members_and_no_more()
    access.test_an_account_is_chosen_while_something_of_it_is_left()
    access.test_a_hold_grows_out_of_what_is_left()
    import test_floor_access_people as people
    people.test_a_class_lets_its_guests_in_and_no_further()
    people.test_who_is_supervised_is_above_nothing()
    people.test_who_signs_off_and_who_is_signed_off()
    import session_rules
    session_rules.check_kinds()
except AssertionError as error:
    print(str(error)[:300])
    sys.exit(3)
"""
AT_MACHINE = """
import sys, floor
assert floor.__file__.startswith(sys.argv[1]), floor.__file__
try:
    import test_floor_at_machine as booked
    booked.test_who_is_let_in_and_who_is_refused()
    booked.test_a_no_show_holds_no_more()
    booked.test_what_a_session_begins()
except AssertionError as error:
    print(str(error)[:300])
    sys.exit(3)
"""


def run(mutation: Mutation) -> tuple[int, str]:
    """Return how the tests ended on a mutant, KILLED or SURVIVED, and what they said."""
    with TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder).resolve() / "floor"
        shutil.copytree(ROOT / "floor", copy, ignore=shutil.ignore_patterns("__pycache__"))
        source = (copy / mutation.file).read_text()
        if mutation.old != mutation.new and source.count(mutation.old) != 1:
            return -1, f"the rule's source stands {source.count(mutation.old)} times in {mutation.file}"
        (copy / mutation.file).write_text(source.replace(mutation.old, mutation.new))
        path = os.pathsep.join([folder, str(HERE), str(HERE.parent / "unit")])
        done = subprocess.run(
            [sys.executable, "-c", RUN if "/" not in mutation.file else AT_MACHINE, folder],
            env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )
        return done.returncode, (done.stdout + done.stderr).strip()[-600:]


def survivors(mutations: Sequence[Mutation] = MUTATIONS) -> Iterator[str]:
    """Yield a sentence for each mutant that passed, and for each that did not run at all."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        for mutation, (code, said) in zip(mutations, pool.map(run, mutations), strict=True):
            changed = mutation.old != mutation.new
            if code == SURVIVED and changed:
                yield f"no test holds the rule that {mutation.rule}"
            elif code != (KILLED if changed else SURVIVED):
                yield f"the mutant for {mutation.rule!r} is not one: {said}"


if __name__ == "__main__":
    left = list(survivors())
    print("\n".join([*left, f"{len(MUTATIONS) - 1} mutants, {len(left)} of them not killed"]))
    sys.exit(bool(left))
