"""A whole run in virtual time, event by event: training between events is arithmetic, so months take milliseconds.

Failures have no memory: the next one of any kind comes after an exponential time at the rate of all nodes in use,
whether they train, save or restart. One that strikes while the run is already down only takes its nodes.
The last act of a run is a checkpoint.
"""

from __future__ import annotations

import heapq
import math
import random

from orchestrator.planning.reliability.conditions import DAY, Conditions, Hazard
from orchestrator.planning.reliability.crew import Crew
from orchestrator.planning.reliability.outcome import CAUSES, Outcome, Outcomes
from orchestrator.planning.reliability.progress import Progress

HOPELESS = 20.0
"""A run that takes so many times its undisturbed time is given up."""


def simulate(conditions: Conditions, seeds: int = 1, first_seed: int = 0) -> Outcomes:
    """The run under `seeds` seeds; the same seeds give the same outcomes."""
    return Outcomes(runs=tuple(_Run(conditions, random.Random(first_seed + seed)).to_the_end() for seed in range(seeds)))


class _Run:
    def __init__(self, conditions: Conditions, chance: random.Random) -> None:
        self._of = conditions
        self._chance = chance
        self._crew = Crew(conditions.nodes, conditions.recovery)
        self._progress = Progress(conditions.every_s)
        self._now = 0.0
        self._end = min(conditions.horizon_s, HOPELESS * conditions.work_s)
        self._lost = dict.fromkeys(CAUSES, 0.0)
        self._failures = {hazard.name: 0 for hazard in conditions.hazards}
        self._planned = 0
        self._busy: tuple[float, str] | None = None
        """What holds training up without ending it: seconds that are left of it, and its cause."""
        self._slow: list[float] = []
        """When each straggler will be found."""
        self._rates = [hazard.per_1000_node_days for hazard in conditions.hazards]
        self._draw_failure()
        self._draw_straggler()
        self._planned_at = conditions.planned.every_s if conditions.planned else math.inf
        span = min(conditions.horizon_s, conditions.work_s)
        self._incidents = sorted((chance.random() * span, seconds) for seconds in conditions.incidents_s)
        self._set_pauses()

    def to_the_end(self) -> Outcome:
        while not self._over:
            self._train(min(self._end, self._next_event))
            if not self._over:
                self._meet()
        done = self._progress.done
        return Outcome(
            nodes=self._of.nodes, spares=self._of.recovery.spares, wall_s=self._now, useful_s=done, lost_s=self._lost,
            failures=self._failures, planned=self._planned, finished=done >= self._of.work_s,
        )  # fmt: skip

    @property
    def _over(self) -> bool:
        finished = self._progress.taken >= self._of.work_s and self._busy is None
        return finished or self._now >= self._end

    @property
    def _next_event(self) -> float:
        incident = self._incidents[0][0] if self._incidents else math.inf
        found = self._slow[0] if self._slow else math.inf
        return max(self._now, min(self._failure_at, self._straggler_at, found, self._planned_at, incident))

    def _meet(self) -> None:
        """What happens now; each of these leaves the run training again."""
        if self._now >= self._failure_at:
            self._fail(self._strike())
        elif self._now >= self._straggler_at:
            assert self._of.stragglers is not None
            heapq.heappush(self._slow, self._now + self._of.stragglers.found_s)
            self._draw_straggler()
        elif self._slow and self._now >= self._slow[0]:
            heapq.heappop(self._slow)
            self._save_now()
            self._crew.lose(1, self._now)
            self._rejoin()
        elif self._now >= self._planned_at:
            assert self._of.planned is not None
            self._planned_at += self._of.planned.every_s
            self._planned += 1
            self._save_now()
            self._idle(self._of.planned.lasts_s, "planned")
            self._gather()
        elif self._incidents and self._now >= self._incidents[0][0]:
            self._idle(heapq.heappop(self._incidents)[1], "incidents")
            self._gather()

    # Training

    def _train(self, until: float) -> None:
        """Works, saves and pauses up to a time, or to the end of the work."""
        while self._now < until and not self._over:
            if self._busy:
                self._wait_for_busy(until)
                continue
            self._leap(until)
            progress = self._progress
            goal = min(progress.next_save, self._of.work_s, *self._pauses)
            seconds = (goal - progress.done) / self._speed
            if self._now + seconds > until:
                self._work(until - self._now)
                self._now = until
                return
            self._work(seconds)
            self._now += seconds
            progress.done = goal
            if goal >= self._of.work_s or goal >= progress.next_save:
                self._busy = (progress.backlog_s(self._now) + self._of.save.stall_s, "checkpoints")
            else:
                position = self._pauses.index(goal)
                self._pauses[position] += self._of.pauses[position].every_s
                self._busy = (self._of.pauses[position].lasts_s, "evaluation")

    def _wait_for_busy(self, until: float) -> None:
        assert self._busy is not None
        left, cause = self._busy
        seconds = min(left, until - self._now)
        self._lost[cause] += seconds
        self._now += seconds
        if seconds < left:
            self._now = until
            self._busy = (left - seconds, cause)
            return
        self._busy = None
        if cause == "checkpoints":
            self._progress.take(self._now, self._of.save.persist_s)
            if self._worth_growing:
                self._rejoin()

    def _leap(self, until: float) -> None:
        """Whole intervals of work and save at once, where nothing else comes between."""
        of, progress = self._of, self._progress
        working = of.every_s / self._speed
        if progress.done != progress.taken or of.save.persist_s > working or self._crew.share < 1 or math.isinf(working):
            return
        room = (min(of.work_s, *self._pauses) if self._pauses else of.work_s) - progress.done
        saves = min(int((until - self._now) / (working + of.save.stall_s)), int(room / of.every_s)) - 1
        if saves > 0:
            self._lost["checkpoints"] += saves * of.save.stall_s
            self._slowness(saves * working)
            self._now += saves * (working + of.save.stall_s)
            progress.jump(saves, self._now, of.save.persist_s)

    def _work(self, seconds: float) -> None:
        self._progress.done += seconds * self._speed
        self._slowness(seconds)

    def _slowness(self, seconds: float) -> None:
        share = self._crew.share
        self._lost["fewer nodes"] += seconds * (1 - share)
        self._lost["stragglers"] += seconds * (share - self._speed)

    @property
    def _speed(self) -> float:
        slowdown = self._of.stragglers.slowdown if self._of.stragglers and self._slow else 0.0
        return self._crew.share * (1 - slowdown)

    # Down and up again

    def _fail(self, hazard: Hazard | None) -> None:
        """Back to the last checkpoint, until a restart holds."""
        self._busy = None
        self._lost["lost work"] += self._progress.restore(self._now, self._chance, self._of.unreadable)
        while hazard is not None:
            self._idle(hazard.detect_s, "detection")
            self._gather()
            hazard = self._restart()
        self._set_pauses()

    def _rejoin(self) -> None:
        """A restart by intent, after a checkpoint, with the nodes there are now."""
        self._idle(self._progress.backlog_s(self._now), "checkpoints")
        self._gather()
        hazard = self._restart()
        if hazard is not None:
            self._fail(hazard)

    def _save_now(self) -> None:
        self._busy = None
        self._idle(self._progress.backlog_s(self._now) + self._of.save.stall_s + self._of.save.persist_s, "checkpoints")
        self._progress.take(self._now, 0.0)

    def _gather(self) -> None:
        """Spare nodes for those lost; else fewer nodes; else it waits."""
        joined = self._crew.gather(self._now)
        while self._now < self._end:
            ready = self._crew.in_use
            wait = self._of.recovery.fetch_s if ready else self._crew.next_return - self._now
            if ready and not joined:
                break
            self._idle(wait, "waiting for nodes")
            if ready and self._crew.in_use == ready:
                break
            joined = self._crew.gather(self._now)
        self._draw_failure()

    def _restart(self) -> Hazard | None:
        """Starts; the failure that struck meanwhile, if one did."""
        end = min(self._now + self._of.recovery.restart_s, self._end)
        struck = self._failure_at < end
        end = self._failure_at if struck else end
        self._lost["restarts"] += end - self._now
        self._now = end
        return self._strike() if struck else None

    def _idle(self, seconds: float, cause: str) -> None:
        end = min(self._now + seconds, self._end)
        self._lost[cause] += end - self._now
        while self._failure_at < end:
            self._now = self._failure_at
            self._strike()
        self._now = end

    @property
    def _worth_growing(self) -> bool:
        """Whether nodes that came back gain more, until the next failure, than restarting with them costs."""
        if self._crew.share == 1:
            return False
        rate = self._of.per_1000_node_days * self._crew.in_use / (1000 * DAY)
        until_next = min(1 / rate if rate else math.inf, self._of.work_s - self._progress.done)
        return self._crew.growth(self._now) * until_next > self._of.recovery.restart_s

    # Chance

    def _strike(self) -> Hazard:
        hazard = self._chance.choices(self._of.hazards, self._rates)[0]
        self._failures[hazard.name] += 1
        self._crew.lose(hazard.takes, self._now + hazard.detect_s)
        self._draw_failure()
        return hazard

    def _draw_failure(self) -> None:
        self._failure_at = self._now + self._exponential(sum(self._rates) * self._crew.in_use)

    def _draw_straggler(self) -> None:
        stragglers = self._of.stragglers
        rate = stragglers.per_1000_node_days * self._of.nodes if stragglers else 0.0
        self._straggler_at = self._now + self._exponential(rate)

    def _exponential(self, per_1000_days: float) -> float:
        return self._chance.expovariate(per_1000_days / (1000 * DAY)) if per_1000_days else math.inf

    def _set_pauses(self) -> None:
        """The first of each pause that is still ahead."""
        done = self._progress.done
        self._pauses = [(math.floor(done / pause.every_s + 1e-9) + 1) * pause.every_s for pause in self._of.pauses]
