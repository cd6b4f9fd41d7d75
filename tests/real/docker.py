"""The Docker client, from its first instruction."""

import os
import shutil

import witness
from harness import private_copy, run, same, Skip, whole_life
from report import check_totals, exits


def docker_checks(tophash, folder):
    docker = shutil.which("docker")
    if not docker:
        raise Skip("docker is not installed")
    copy = private_copy(docker, folder / "bin")
    try:
        plan = witness.Plan(tophash, str(copy))
    except witness.Unavailable as error:
        raise Skip(f"{docker} cannot be traced: {error}") from None
    print(f"  {plan.headline}")
    # Nobody listens there: the same on every machine.
    os.environ.update(DOCKER_HOST=f"unix://{folder}/nobody.sock", DOCKER_CONFIG=str(folder))
    with witness.Witness(plan) as counter:
        for args in (["--version"], ["version"], ["no-such-command"]):
            plain = run([copy, *args])
            what = f"docker {args[0]}"
            records, counted, output = whole_life(tophash, counter, folder, [copy, *args])
            same(f"{what}: exit status {plain.returncode} in the exit record", exits(records),
                 [(records[0]["pid"], plain.returncode, None)])
            same(f"{what}: its output is its own", output, plain.stdout)
            check_totals(what, records, counted)
