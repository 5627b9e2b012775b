"""What is known of one sensor's errors: first a vote on where its rows lie, then an equation from each meeting."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lowsky.kernels.registration import AZIMUTH, EAST, ELEVATION, N_ERROR, NORTH, RANGE, TIME, vote
from lowsky.model.measurement import Floats, Ints

WIDE = np.array([500.0, 0.17, 0.17])  # m, rad, rad: a sensor farther off than this is not found
WINDOW_NS = 30_000_000_000  # rows of so long vote together
VOTE_EVERY_NS = 2_000_000_000
CANDIDATES_MOST = 512
VOTES_LEAST = 8
VOTES_ALONE = 20  # of a single object
VOTES_EACH = 3  # of an object that counts as seen by the sensor
VOTES_SHARE = 0.5  # of the detections there should have been
VOTE_REACH = 3.0  # σ
WELL_SHARE = 0.8  # of the best votes: with so many for no error at all, where objects are dense, it has none
VOTE_TIMES_S = np.array([0.0, -0.5, 0.5, -1.0, 1.0, -1.5, 1.5, -2.0, 2.0, -2.5, 2.5, -3.0, 3.0])
VOTE_FAST_MPS = 50.0  # where nobody moves faster, a wrong clock blurs the vote less than the rows' own noise
MEETINGS_LEAST = 3
DISAGREES = 50.0  # d² of 6 of one meeting against all before; χ² 0.9999 is 27.9, a manoeuvre may add some
DISAGREE_MOST = 3  # so many more meetings that disagree than agree: it was bumped
MISSES_MOST = 6.0  # CUSUM of expected rows that did not come: two objects for eight looks
MOVED_TIMES = 1.3  # so many more agree on one step in place than on one error of measurement
MOVED_SIGMA_M = 500.0
TO_RADIANS = 1e-5  # votes wrap angles; a step of kilometres as such is a small one
HUBER = 12.6  # χ² of 6, 0.95
SMALL = 0.3  # of a row's own σ: an error that a track of a dozen rows already shows, told by who knows the truth
SURELY = 5.0  # σ of a single error: objects that turn make these look smaller than they are
EVIDENCE = 22.5  # χ² of 6, 0.999: errors are taken off only when there are some …
GROSS = 5.0  # … and would be if any one of the objects were wrong by so many times its σ (a datum, a clock)


@dataclass(slots=True)
class SensorErrors:
    """β (``kernels.registration``) of one sensor: information of all its meetings, and what came before.

    What the meetings with one object say of β + ε, its own constant error ε ~ N(0, M) included, is kept for each of K
    objects by itself (slots of ``references``): many meetings with one object tell ε no better from β than one.
    """

    found: bool = False  # a vote told where about its rows lie
    applied: bool = False  # there is evidence that it is off: its rows are corrected
    beta: Floats = field(default_factory=lambda: np.zeros(N_ERROR))
    P: Floats = field(default_factory=lambda: np.zeros((N_ERROR, N_ERROR)))
    centre: Floats = field(default_factory=lambda: np.zeros(N_ERROR))  # what the vote said …
    J_vote: Floats = field(default_factory=lambda: np.zeros((N_ERROR, N_ERROR)))  # … and how sure
    J: Floats = field(default_factory=lambda: np.zeros((N_ERROR, N_ERROR)))  # of objects that are followed no more
    y: Floats = field(default_factory=lambda: np.zeros(N_ERROR))
    J_of: Floats = field(default_factory=lambda: np.zeros((0, N_ERROR, N_ERROR)))  # float64[K, 6, 6] on β + ε
    y_of: Floats = field(default_factory=lambda: np.zeros((0, N_ERROR)))
    M_of: Floats = field(default_factory=lambda: np.zeros((0, N_ERROR, N_ERROR)))
    n_of: Floats = field(default_factory=lambda: np.zeros(0))  # meetings …
    F_of: Floats = field(default_factory=lambda: np.zeros((0, N_ERROR, N_ERROR)))  # … and M, were ε new in each
    t_fade_ns: int = 0
    meetings: int = 0
    disagree: int = 0
    misses: float = 0.0
    lost: int = 0  # how often it had to be sought again …
    t_lost_ns: int = 0  # … and when last
    moved: bool = False  # the vote said so
    relative_to: str = ""  # the radar whose plots told it; "": objects that report themselves did
    look: int = 0
    t_vote_ns: int = 0
    # candidates of the vote: look, time ns, slot (int64[N, 3]); residual, variance, ∂z/∂t, shift, its variance
    who: Ints = field(default_factory=lambda: np.empty((0, 3), np.int64))
    what: Floats = field(default_factory=lambda: np.empty((0, 15)))
    chances: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)  # time ns, slots it should have seen

    def solve(self, J_prior: Floats) -> None:
        """β and P from the prior, the vote and all meetings."""
        J_prior = J_prior.copy()
        if self.moved:
            J_prior[EAST, EAST] = J_prior[NORTH, NORTH] = 1.0 / MOVED_SIGMA_M**2
        J, y = self._told()
        P = np.linalg.inv(J_prior + self.J_vote + J)
        self.P = 0.5 * (P + P.T)
        self.beta = self.P @ (self.J_vote @ self.centre + y)

    def _told(self, gross: int = -1, is_fitful: bool = False) -> tuple[Floats, Floats]:
        """Information (J, y) on β of all objects; that of ``gross`` as if its own errors might be ``GROSS`` times as
        large, and other ones in each meeting if ``is_fitful``."""
        J, y = self.J.copy(), self.y.copy()
        for k in np.flatnonzero(self.J_of.any(axis=(1, 2))).tolist():
            n, M = 1.0, self.M_of[k] * (GROSS**2 if k == gross else 1.0)
            if k == gross and is_fitful:
                n, M = self.n_of[k], self.F_of[k] * GROSS**2
            more_J, more_y = folded(self.J_of[k] / n, self.y_of[k] / n, M)
            J, y = J + n * more_J, y + n * more_y
        return J, y

    def judge(self, J_prior: Floats, matters: Floats, most: float = math.inf) -> None:
        """Correct from now on? Once there is evidence: a sensor that is well is left alone. One error at least has to
        exceed ``matters`` float64[6] (``SMALL`` of it, where reports tell) and chance for itself. No object that
        reports itself convinces by itself, for it may be the one that is wrong: by a constant, or, where plots of what
        it flies beside are taken for its own, now by this and then by that. Errors whose χ² of what is expected
        beforehand is above ``most`` are not believed, but of a sensor that was moved."""
        if self.applied or self.meetings < MEETINGS_LEAST:
            return
        if not self.moved and self.beta @ J_prior @ self.beta > most:
            return
        share = 1.0 if self.relative_to else SMALL
        least = np.maximum(share * matters, SURELY * np.sqrt(np.diag(self.P)))
        is_sure = bool(self.beta @ np.linalg.solve(self.P, self.beta) > EVIDENCE)
        if not (is_sure and (np.abs(self.beta) > least).any()):
            return
        for k in np.flatnonzero(self.J_of.any(axis=(1, 2))).tolist():
            for is_fitful in (False, True):
                J, y = self._told(k, is_fitful)
                y = self.J_vote @ self.centre + y
                if not y @ np.linalg.solve(J_prior + self.J_vote + J, y) > EVIDENCE:
                    return
        self.applied = True

    def forget(self, slot: int) -> None:
        """The object of this slot is followed no more: what it taught stays."""
        if slot < len(self.J_of) and self.J_of[slot].any():
            J, y = folded(self.J_of[slot], self.y_of[slot], self.M_of[slot])
            self.J, self.y = self.J + J, self.y + y
            self.J_of[slot], self.y_of[slot], self.n_of[slot] = 0.0, 0.0, 0.0

    # -- where its rows lie ------------------------------------------------------------------------------------

    def seek(self, t_ns: int, active: Ints, who: Ints, what: Floats, p_detect: float, clock_sigma_s: float) -> bool:
        """Take a look's candidates, and vote now and then. True where the vote was clear."""
        self.who, self.what = np.vstack((self.who, who)), np.vstack((self.what, what))
        self.chances.append((t_ns, tuple(active.tolist())))
        recent = np.flatnonzero(self.who[:, 1] > t_ns - WINDOW_NS)
        first_ns = t_ns - WINDOW_NS
        if len(recent) > CANDIDATES_MOST:
            recent = recent[-CANDIDATES_MOST:]
            first_ns = int(self.who[recent[0], 1])
        self.who, self.what = self.who[recent], self.what[recent]
        self.chances = [chance for chance in self.chances if chance[0] > first_ns]
        if t_ns < self.t_vote_ns or len(self.who) < VOTES_LEAST:
            return False
        self.t_vote_ns = t_ns + VOTE_EVERY_NS
        return self._vote(p_detect, clock_sigma_s)

    def _vote(self, p_detect: float, clock_sigma_s: float) -> bool:
        """Are they all off by one error of measurement, or, if more agree on that, all shifted by one step?"""
        order = np.lexsort((self.who[:, 0], self.who[:, 2]))
        look, slot = self.who[order, 0], self.who[order, 2]
        nu, var, move, shift, var_shift = (np.ascontiguousarray(part) for part in np.hsplit(self.what[order], 5))
        times_s = VOTE_TIMES_S if np.abs(move[:, 0]).max() > VOTE_FAST_MPS else VOTE_TIMES_S[:1]
        reach = VOTE_REACH * np.sqrt(var) + 0.25 * np.abs(move)  # half of what lies between two times
        inside, shifted = np.empty(len(slot), np.bool_), np.empty(len(slot), np.bool_)
        votes, g, _ = vote(slot, look, nu, move, reach, times_s, inside)
        most = votes
        near_zero = ~(np.abs(nu) > reach).any(axis=1)  # NaN: not measured, so it does not speak against it
        if len(set(zip(slot[near_zero].tolist(), look[near_zero].tolist(), strict=True))) >= WELL_SHARE * votes:
            votes, g, inside = int(WELL_SHARE * votes), 0, near_zero
        near = TO_RADIANS * VOTE_REACH * np.sqrt(var_shift)
        by_shift = 0
        if np.isfinite(shift).all():
            by_shift, _, _ = vote(slot, look, TO_RADIANS * shift, np.zeros_like(shift), near, times_s[:1], shifted)
        # one object alone does not tell a step from an error of measurement
        self.moved = by_shift > MOVED_TIMES * most and len(set(slot[shifted].tolist())) > 1
        if self.moved:
            votes, inside = by_shift, shifted
        if not self._is_clear(slot[inside], votes, p_detect):
            return False
        # a voter's clock may be wrong, and what it flies in that time looks like an error of the sensor
        across2 = np.maximum(var_shift[:, 0] - var[:, 0], 0.0) / var[:, 1]  # m² of range
        way2 = clock_sigma_s**2 * (move[:, 0] ** 2 + across2 * move[:, 1] ** 2)
        var, var_shift = var + (clock_sigma_s * move) ** 2, var_shift + way2[:, None]
        said, var = (shift, var_shift) if self.moved else (nu + move * times_s[g], var)
        self.centre, self.J_vote = np.zeros(N_ERROR), np.zeros((N_ERROR, N_ERROR))
        for a, at in enumerate((EAST, NORTH) if self.moved else (RANGE, AZIMUTH, ELEVATION)):
            known = inside & np.isfinite(said[:, a])
            if known.any():
                self.centre[at] = np.median(said[known, a])
                self.J_vote[at, at] = 1.0 / np.median(var[known, a])
        self.centre[TIME], self.J_vote[TIME, TIME] = times_s[0 if self.moved else g], 1.0
        self.found, self.misses, self.disagree = True, 0.0, 0
        self.who, self.what, self.chances = self.who[:0], self.what[:0], []
        return True

    def _is_clear(self, voters: Ints, votes: int, p_detect: float) -> bool:
        """Enough votes of those who vote at all, and of more than one object."""
        slots, counts = np.unique(voters, return_counts=True)
        seen = set(slots[counts >= VOTES_EACH].tolist())
        chances = sum(len(seen.intersection(slots)) for _, slots in self.chances)
        if not seen or votes < (VOTES_LEAST if len(seen) > 1 else VOTES_ALONE):
            return False
        return votes >= VOTES_SHARE * p_detect * chances

    # -- what meetings teach -----------------------------------------------------------------------------------

    def missing(self, expected: int, came: int, p_detect: float) -> bool:
        """CUSUM over references it has seen before: True when rows that should come near them do not any more."""
        self.misses = max(0.0, self.misses + VOTES_SHARE * p_detect * expected - came)
        return self.misses > MISSES_MOST

    def learn(self, slot: int, J_meeting: Floats, y_meeting: Floats, M: Floats, F: Floats) -> bool:
        """Add one meeting's equation for β + ε; False when too many disagree with what was known.

        The report of the object in ``slot`` may be off by a constant, ε ~ N(0, M) as the sensor would see it; F is for
        a meeting by itself, in which the object hardly moves.
        """
        J, y = folded(J_meeting, y_meeting, M)
        weight = 1.0
        if not (np.isfinite(J).all() and np.isfinite(y).all()):
            return True
        if self.meetings >= MEETINGS_LEAST:
            nu = y - J @ self.beta
            d2 = float(nu @ np.linalg.pinv(J + J @ self.P @ J, rcond=1e-9, hermitian=True) @ nu)
            if d2 > DISAGREES:
                self.disagree += 1
                return self.disagree <= DISAGREE_MOST
            self.disagree = max(self.disagree - 1, 0)
            weight = min(1.0, HUBER / max(d2, 1e-9))
        if slot >= len(self.J_of):
            more = slot + 1 - len(self.J_of)
            self.J_of = np.concatenate((self.J_of, np.zeros((more, N_ERROR, N_ERROR))))
            self.M_of = np.concatenate((self.M_of, np.zeros((more, N_ERROR, N_ERROR))))
            self.y_of = np.concatenate((self.y_of, np.zeros((more, N_ERROR))))
            self.F_of = np.concatenate((self.F_of, np.zeros((more, N_ERROR, N_ERROR))))
            self.n_of = np.concatenate((self.n_of, np.zeros(more)))
        self.J_of[slot] += weight * J_meeting
        self.y_of[slot] += weight * y_meeting
        self.M_of[slot], self.F_of[slot] = M, F
        self.n_of[slot] += 1.0
        self.meetings += 1
        return True

    def fade(self, t_ns: int, lasts_s: float) -> None:
        """What was learnt long ago says less of today."""
        if self.t_fade_ns:
            keep = math.exp(-max(t_ns - self.t_fade_ns, 0) * 1e-9 / lasts_s)
            self.J, self.y = keep * self.J, keep * self.y
            self.J_of, self.y_of = keep * self.J_of, keep * self.y_of
        self.t_fade_ns = t_ns

    # -- keeping -----------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        arrays = {name: [list(getattr(self, name).shape), getattr(self, name).tobytes()] for name in ARRAYS}
        return {"arrays": arrays, "numbers": {n: getattr(self, n) for n in NUMBERS}, "chances": self.chances}

    def load(self, saved: dict[str, Any]) -> None:
        for name, (shape, data) in saved["arrays"].items():
            setattr(self, name, np.frombuffer(data, getattr(self, name).dtype).reshape(shape).copy())
        for name, value in saved["numbers"].items():
            setattr(self, name, value)
        self.chances = [(t_ns, tuple(slots)) for t_ns, slots in saved["chances"]]


def folded(J: Floats, y: Floats, M: Floats) -> tuple[Floats, Floats]:
    """From information (J_b, y_b) on β + ε that on β: J = J_b (I + M J_b)⁻¹ and y = (I + J_b M)⁻¹ y_b, ε ~ N(0, M)."""
    fold = np.linalg.inv(np.eye(N_ERROR) + M @ J)
    out = J @ fold
    return 0.5 * (out + out.T), fold.T @ y


ARRAYS = ("beta", "P", "centre", "J_vote", "J", "y", "J_of", "y_of", "M_of", "n_of", "F_of", "who", "what")
NUMBERS = (
    "found",
    "applied",
    "t_fade_ns",
    "meetings",
    "disagree",
    "misses",
    "lost",
    "look",
    "t_vote_ns",
    "t_lost_ns",
    "moved",
    "relative_to",
)
