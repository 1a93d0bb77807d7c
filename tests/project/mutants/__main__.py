"""`make mutants MUTANTS="--seed 7 --count 400"`: draw so many bugs, and see how many the tests notice."""

import random
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

import click

from tests.project.mutants.mutations import Mutant, mutants
from tests.project.mutants.survivors import FILE, Survivor, explained, load
from tests.project.mutants.targets import TARGETS, Target, mirrored, modules
from tests.project.mutants.trial import Job, Outcome, outcomes
from tests.support.repository import ROOT

ENOUGH = 0.92
"""The part of the mutants that must be noticed."""
LONGEST = 900.0
"""The seconds that tests may take, on a machine that has other work as well: one that hangs fails long before."""
PARTS = 2
"""The parts into which the tests without a bug are cut for each worker, so that all have something to do to the end."""


@dataclass(frozen=True, slots=True)
class Trial(Job):
    """A job with a bug in it."""

    mutant: Mutant = field(kw_only=True)


def drawn(
    root: Path, targets: Sequence[Target], survivors: Sequence[Survivor], only: str, seed: int, count: int
) -> dict[Mutant, Target]:
    """Draw so many mutants, none of which is equivalent; the same for the same seed and sources."""
    found: dict[Mutant, Target] = {}
    for file, target in modules(root, targets).items():
        if fnmatch(file, only):
            found |= dict.fromkeys(mutants(file, (root / file).read_text()), target)
    order = list(found)
    random.Random(seed).shuffle(order)
    chosen: dict[Mutant, Target] = {}
    for mutant in order:
        if len(chosen) == count:
            break
        survivor = explained(mutant, survivors)
        if survivor is None or survivor.why != "equivalent":
            chosen[mutant] = found[mutant]
    return chosen


def require_sound(root: Path, targets: Iterable[Target], workers: int) -> None:
    """Run the tests of these targets without a bug, each once. ClickException if one fails, whatever is wrong."""
    given = dict.fromkeys(test for target in targets for test in target.tests)
    options = [test for test in given if test.startswith("-")]
    tests = [
        test for test in given if test not in options and not any(str(each) in given for each in Path(test).parents)
    ]
    file = next(iter(modules(root, targets)))
    source = (root / file).read_text()
    parts = [tests[start :: PARTS * workers] for start in range(PARTS * workers)]
    jobs = [Job(file, source, (*options, *part), LONGEST) for part in parts if part]
    for job, outcome in outcomes(root, jobs, workers):
        if outcome.noticed:
            raise click.ClickException(f"these tests fail without a bug: {' '.join(job.tests)}\n{outcome.output}")


def tried(root: Path, chosen: dict[Mutant, Target], workers: int) -> Iterator[tuple[Mutant, Outcome]]:
    """Try these mutants; yield each as its tests end."""
    require_sound(root, list(dict.fromkeys(chosen.values())), workers)
    trials = [
        Trial(m.file, m.source, target.tests, LONGEST, mirrored(root, m.file), mutant=m) for m, target in chosen.items()
    ]
    for trial, outcome in outcomes(root, trials, workers):
        yield trial.mutant, outcome


def described(mutant: Mutant) -> str:
    return "\n    ".join([f"{mutant.file}:{mutant.line} {mutant.scope} ({mutant.operator})", *mutant.diff])


def killer(outcome: Outcome) -> str:
    """Return the test that failed, as pytest names it."""
    found = re.search(r"^(?:FAILED|ERROR) (.+)", outcome.output, re.MULTILINE)
    return found[1] if found else f"no end in {outcome.seconds:.0f} s, or no beginning"


@click.command()
@click.option("--seed", type=int, help="The mutants that are drawn; by chance, if left out.")
@click.option("--count", default=400, show_default=True, help="How many are drawn.")
@click.option("--only", default="*", help="Modules, as a pattern such as esb/outgoing/*.")
@click.option("--workers", default=2, show_default=True, help="How many are tried at once.")
@click.option("--verbose", is_flag=True, help="Name the killed ones, too, and what killed them.")
def main(seed: int | None, count: int, only: str, workers: int, verbose: bool) -> None:
    """Draw mutants of the modules where a bug costs a message, a secret or a right; name those that no test notices."""
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    survivors = load()
    chosen = drawn(ROOT, TARGETS, survivors, only, seed, count)
    if not chosen:
        raise click.ClickException(
            f"there are no mutants of {only}: expected a pattern of modules that targets.py names"
        )
    click.echo(f"seed {seed}: {len(chosen)} mutants")
    noticed: Counter[bool] = Counter()
    for mutant, outcome in tried(ROOT, chosen, workers):
        noticed[outcome.noticed] += 1
        place = f"[{noticed.total()}/{len(chosen)}]"
        if not outcome.noticed:
            survivor = explained(mutant, survivors)
            reason = f"accepted: {survivor.reason}" if survivor else f"not explained in {FILE.name}"
            click.echo(f"{place} survived: {described(mutant)}\n    {reason}")
        elif verbose:
            click.echo(f"{place} killed: {described(mutant)}\n    by {killer(outcome)}")
    part = noticed[True] / noticed.total()
    click.echo(
        f"seed {seed}: {noticed[True]} killed, {noticed[False]} survived: {part:.1%}, at least {ENOUGH:.0%} wanted"
    )
    sys.exit(part < ENOUGH)


if __name__ == "__main__":
    main()
