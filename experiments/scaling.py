"""How long a suite takes on so many workers: a simulated queue over durations that were measured.

python experiments/scaling.py runs --workers 1,2
python experiments/scaling.py runs --workers 64 --jobs 1000
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import click
import pandas as pd
import simpy

from bench.records import TRAINING_FILE, find_records


@dataclass(frozen=True)
class Task:
    """A job as the queue sees it: its name, that of the job it starts from (or an empty one), its seconds."""

    name: str
    start: str
    seconds: float


@click.command()
@click.argument("runs", type=click.Path(path_type=Path))
@click.option("--workers", default="1,2")
@click.option("--jobs", type=int, help="Suites of the same kind with other seeds, until there are so many.")
@click.option("--start", "start_up", default=5.0, help="Seconds until a worker takes its first job.")
@click.option("--per-job", default=0.5, help="Seconds of a job that train.csv does not hold: fork, test images, files.")
def main(runs, workers, jobs, start_up, per_job):
    """How long a suite takes on so many workers: a simulated queue over durations that were measured."""
    measured = measured_tasks(runs, per_job)
    tasks = measured if jobs is None else enlarged(measured, jobs)
    total = sum(task.seconds for task in tasks)
    longest = longest_chain(tasks)
    click.echo(f"{len(tasks)} jobs, {total:,.0f} s in sum, mean {total / len(tasks):.2f} s, chain {longest:.1f} s")
    for count in map(int, workers.split(",")):
        span = makespan(tasks, count, start_up)
        bound = start_up + max(total / count, longest)
        click.echo(
            f"{count} workers: {span:,.1f} s simulated; no order can beat {bound:,.1f} s; "
            f"workers busy {total / (count * span):.1%}"
        )


def measured_tasks(runs: Path, per_job: float) -> list[Task]:
    """The jobs below ``runs`` in the order of ``bench run``, with the seconds that their epochs took."""
    tasks = []
    for folder, record in find_records([runs]).items():
        seconds = pd.read_csv(folder / TRAINING_FILE)["seconds"].sum()
        tasks.append((record.seed, Task(folder.name, record.details["config"]["start_job"], seconds + per_job)))
    return [task for _, task in sorted(tasks, key=lambda one: (one[0], one[1].start != ""))]


def enlarged(tasks: list[Task], count: int) -> list[Task]:
    """``count`` jobs: the measured seeds again and again, in an order of seeds drawn with a fixed seed."""
    groups: dict[str, list[Task]] = {}
    for task in tasks:
        groups.setdefault(task.start or task.name, []).append(task)
    generator, grown = random.Random(0), []
    while len(grown) < count:
        number = len(grown)
        grown += [
            Task(f"{task.name}-{number}", task.start and f"{task.start}-{number}", task.seconds)
            for task in generator.choice(list(groups.values()))
        ]
    return grown[:count]


def longest_chain(tasks: list[Task]) -> float:
    """Seconds of the longest start together with what follows it."""
    seconds = {task.name: task.seconds for task in tasks}
    return max(task.seconds + seconds.get(task.start, 0.0) for task in tasks)


def makespan(tasks: list[Task], workers: int, start_up: float) -> float:
    """Seconds until the last job is done, when each worker takes the first job that nobody has and that can begin."""
    environment = simpy.Environment()
    waiting, done = list(tasks), {task.name: environment.event() for task in tasks}

    def worker():
        yield environment.timeout(start_up)
        while waiting:
            ready = next((task for task in waiting if not task.start or done[task.start].processed), None)
            if ready is None:
                yield environment.any_of([event for event in done.values() if not event.processed])
                continue
            waiting.remove(ready)
            yield environment.timeout(ready.seconds)
            done[ready.name].succeed()

    running = [environment.process(worker()) for _ in range(workers)]
    environment.run(environment.all_of(running))
    return environment.now


if __name__ == "__main__":
    main()
