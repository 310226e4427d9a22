"""A policy as a whole beside a simple model of it: calls that overlap, hang and are cancelled, time, and the operator's hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import settings as hypothesis_settings, strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from holdfast import Breaker
from holdfast.errors import CircuitOpen
from holdfast.guards.circuit import Mode
from holdfast.guards.forms import AttemptBlock
from holdfast.guards.world import WORLD
from tests.guards.colours import Declined, Down, StillWorld, make, outcome_of

OPEN_S, LEASE_S, GOOD = 10.0, 4.0, 2
ends = st.sampled_from([None, Down, Declined, KeyboardInterrupt])
End = type[BaseException] | None


@dataclass(eq=False)
class Call:
    """One that is under way: in which era it was let in, and as which probe."""

    block: AttemptBlock
    era: int
    probe: int | None


@dataclass
class Model:
    """The circuit, as one would tell it: a list and a few numbers."""

    threshold: int = 3
    state: str = "closed"
    mode: Mode = Mode.AUTOMATIC
    era: int = 0
    run: int = 0
    opens: int = 0
    open_until: float = 0.0
    shadow_until: float = 0.0
    probes: dict[int, float] = field(default_factory=dict)
    made: int = 0
    good: int = 0

    def new_era(self, state: str) -> None:
        """Begin anew."""
        self.state, self.era, self.run = state, self.era + 1, 0
        self.probes, self.made, self.good = {}, 0, 0
        if state == "closed":
            self.opens = 0

    def let_in(self, now: float) -> tuple[bool, int | None]:
        """Whether a call may go, and as which probe."""
        if self.mode is Mode.ISOLATED:
            return False, None
        if self.state == "closed":
            return True, None
        if self.state == "open":
            if now < self.open_until:
                return False, None
            self.new_era("half_open")
        self.probes = {number: until for number, until in self.probes.items() if until > now}
        if self.probes:
            return False, None
        self.made += 1
        self.probes[self.made] = now + LEASE_S
        return True, self.made

    def trip(self, now: float) -> None:
        """Open."""
        opens = self.opens + 1
        self.new_era("open")
        self.opens = opens
        self.open_until = now + OPEN_S * 2 ** (opens - 1)

    def probed(self, number: int, end: End, now: float) -> None:
        """Hear of a probe."""
        if self.probes.pop(number, None) is None:
            return
        if end is Down:
            self.trip(now)
        elif end is None:
            self.good += 1
            if self.good == GOOD:
                self.new_era("closed")

    def ended(self, call: Call, end: End, now: float) -> None:
        """Hear how a call ended."""
        if call.era != self.era or self.mode is Mode.DISABLED:
            return
        if call.probe is not None:
            self.probed(call.probe, end, now)
        elif end is None:
            self.run = 0
        elif end is Down:
            self.run += 1
            if self.run >= self.threshold and self.mode is Mode.AUTOMATIC:
                self.trip(now)
            elif self.run >= self.threshold and self.mode is Mode.SHADOW and now >= self.shadow_until:
                self.new_era("closed")
                self.shadow_until = now + OPEN_S


def breaker(threshold: int) -> Breaker:
    """By failures in a row alone."""
    return Breaker(
        failures_consecutive=threshold,
        failure_ratio=None,
        open_s=OPEN_S,
        open_jitter=0,
        open_max_s=1e5,
        probe_lease_s=LEASE_S,
    )


class Whole(RuleBasedStateMachine):
    """The policy and the model, given the same."""

    under_way = Bundle("under_way")

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.world = StillWorld()
        for name in ("monotonic", "now", "sleep", "asleep", "draw"):
            self.patch.setattr(WORLD, name, getattr(self.world, name))
        self.policy = make(breaker=breaker(3))
        self.model = Model()
        self.sent = 0
        self.ask = self.policy(self._asked)

    def teardown(self) -> None:
        """Put the world back."""
        self.patch.undo()

    def _asked(self, end: End) -> str:
        self.sent += 1
        if end is not None:
            raise end("as told")
        return "answer"

    @rule(seconds=st.sampled_from([0.5, 3.9, 4.0, 10.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        """Over the edges of leases and open times."""
        self.world.pass_(seconds)

    @rule(end=ends)
    def call(self, end: End) -> None:
        """A guarded function is called."""
        may, probe = self.model.let_in(self.world.seconds)
        call = Call(self.policy.attempt(), self.model.era, probe)
        sent = self.sent
        try:
            found = outcome_of(self.ask, end)
        except KeyboardInterrupt:
            found = KeyboardInterrupt

        assert found == ((end or "answer") if may else CircuitOpen)
        assert self.sent == sent + may
        if may:
            self.model.ended(call, end, self.world.seconds)

    @rule(target=under_way)
    def begin(self) -> Call | None:
        """A block of code is entered, and stays there."""
        may, probe = self.model.let_in(self.world.seconds)
        block = self.policy.attempt()
        found = outcome_of(block.__enter__)

        assert (found is block) == may
        return Call(block, self.model.era, probe) if may else None

    @rule(call=consumes(under_way), end=ends)
    def end(self, call: Call | None, end: End) -> None:
        """And is left, sooner or later."""
        if call is None:
            return
        exc = None if end is None else end("as told")

        assert not call.block.__exit__(end, exc, None) or exc is None
        self.model.ended(call, end, self.world.seconds)

    @rule(mode=st.sampled_from(Mode))
    def by_hand(self, mode: Mode) -> None:
        """Somebody takes it over, or gives it back."""
        policy = self.policy
        {
            Mode.AUTOMATIC: policy.resume, Mode.ISOLATED: policy.isolate, Mode.DISABLED: policy.disable, Mode.SHADOW: policy.shadow,
        }[mode]()  # fmt: skip
        self.model.mode = mode
        self.model.shadow_until = 0.0
        self.model.new_era("closed")

    @rule(threshold=st.integers(1, 4))
    def other_settings(self, threshold: int) -> None:
        """The breaker is replaced while it is in use."""
        if threshold == self.model.threshold:
            return
        self.policy.update(breaker=breaker(threshold))
        self.model.threshold = threshold
        self.model.shadow_until = 0.0
        self.model.new_era("closed")

    @rule(seconds=st.sampled_from([0.0, 5.0]))
    def trip(self, seconds: float) -> None:
        """Somebody opens it for a while."""
        self.policy.trip("a test", seconds)
        if self.model.mode is Mode.AUTOMATIC and self.model.state != "open":
            self.model.trip(self.world.seconds)
            self.model.open_until = self.world.seconds + seconds

    @invariant()
    def they_agree(self) -> None:
        """State, era, mode and run."""
        found = self.policy.health()
        model = self.model
        assert (model.state, model.era, model.mode) == (found.state, found.era, found.mode)
        if model.state == "closed" and model.mode is not Mode.DISABLED:
            assert model.run == found.counts.consecutive
        circuit = self.policy._lanes.only.cell.circuit
        assert model.probes == {probe.number: probe.leased_until for probe in circuit.probes}
        if model.state == "open":
            assert model.open_until == circuit.open_until


TestWhole = Whole.TestCase
TestWhole.settings = hypothesis_settings(max_examples=80, stateful_step_count=40)
