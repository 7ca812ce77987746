"""infonoise.Scheduler and the rest of the package without JAX."""

import copy
import dataclasses
import math
import pickle
from pathlib import Path

import infonoise
import numpy as np
import pytest

from infonoise import _native
from infonoise.diagnosis import masses as schedule_masses


def gaussian(sigma):
    return sigma**2 * 0.25 / (sigma**2 + 0.25)


def trained(config=infonoise.Config(warmup_steps=20, refresh_every=10, refresh_growth=0, coverage=0.0, min_count=5), steps=60):
    scheduler = infonoise.Scheduler(config, seed=1)
    sigma = scheduler.sample(512)
    for _ in range(steps):
        sigma = scheduler.advance(sigma, gaussian(sigma))
    return scheduler


def test_advance_is_observe_step_sample():
    fused, apart = trained(steps=40), infonoise.Scheduler(trained(steps=0).config, seed=1)
    sigma = apart.sample(512)
    for _ in range(40):
        apart.observe(sigma, gaussian(sigma))
        apart.step()
        sigma = apart.sample(512)
    assert fused.digest() == apart.digest()


def test_advance_takes_arrays_as_they_lie_and_converts_the_rest():
    """The next sigmas do not depend on the batch's type, and have their own memory."""
    sigma = trained(steps=0).sample(60)
    error = gaussian(sigma)
    backwards, read_only = np.ascontiguousarray(sigma[::-1])[::-1], np.array(error)
    read_only.flags.writeable = False
    expected = trained(steps=0)
    expected.observe(sigma, error)
    expected.step()
    following = expected.sample(60)
    for batch in [
        (sigma, error),
        (sigma, read_only),
        (backwards, error),
        (sigma.astype(float), error.astype(">f4")),
        (sigma.tolist(), error.tolist()),
        (sigma.reshape(6, 10), error.reshape(6, 10)),
        (memoryview(sigma), error),
    ]:
        scheduler = trained(steps=0)
        drawn = scheduler.advance(*batch)
        assert (drawn == following).all() and drawn.dtype == np.float32 and drawn.shape == (60,)
        assert scheduler.report() == expected.report()
        kept = drawn.copy()
        scheduler.advance(drawn, drawn)
        assert (drawn == kept).all()
    integers = trained(steps=0)
    integers.advance(np.ones(3, np.uint32), np.ones(3, np.int32))  # four bytes too, but no floats
    assert integers.report()["observations"] == 3


def test_pickling_and_state_are_the_whole_of_it():
    scheduler = trained()
    twins = [pickle.loads(pickle.dumps(scheduler)), infonoise.Scheduler.from_state(scheduler.state)]
    expected = scheduler.sample(9)
    for twin in twins:
        assert (twin.sample(9) == expected).all() and twin.digest() == scheduler.digest()
    with pytest.raises(ValueError, match="does not hold a scheduler"):
        infonoise.Scheduler.from_state(np.zeros(1000, np.uint32))


class Tagged(infonoise.Scheduler):
    """A user's own, with a field of its own."""

    def __init__(self, config, seed, name):
        super().__init__(config, seed)
        self.name = name


def test_copies_keep_every_attribute():
    scheduler = Tagged(infonoise.Config.discrete(), 5, "mine")
    scheduler.tag = ["x"]
    pickled = [pickle.loads(pickle.dumps(scheduler, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for twin in [copy.copy(scheduler), copy.deepcopy(scheduler), *pickled]:
        assert (type(twin), twin.name, twin.tag, twin.seed) == (Tagged, "mine", ["x"], 5)
        twin.sample(3)
        assert twin.digest() != scheduler.digest()  # its words are its own
    old = infonoise.Scheduler.__new__(infonoise.Scheduler)
    old.__setstate__(scheduler.state)  # as pickles of earlier versions call it
    assert old.digest() == scheduler.digest() and old.seed == 0


def test_snapshots_are_the_whole_of_it_and_damage_is_named():
    scheduler = trained()
    snapshot = scheduler.save()
    twin = infonoise.Scheduler.load(snapshot)
    assert (twin.state == scheduler.state).all() and twin.save() == snapshot
    flipped = bytearray(snapshot)
    flipped[5000] ^= 1
    for bad, message in [
        (snapshot[:-1], "end early"),
        (snapshot + b"0", "length does not fit"),
        (b"x" + snapshot[1:], "not a snapshot"),
        (bytes(flipped), "checksum"),
        (b"", "end early"),
    ]:
        with pytest.raises(ValueError, match=message):
            infonoise.Scheduler.load(bad)


def test_state_dicts_are_the_whole_of_it():
    scheduler = trained()
    other, state = infonoise.Scheduler(scheduler.config, seed=9), scheduler.state_dict()
    assert list(state) == ["snapshot"] and type(state["snapshot"]) is bytes and state["snapshot"] == scheduler.save()
    expected = scheduler.sample(9)
    for snapshot in (state["snapshot"], bytearray(state["snapshot"]), np.frombuffer(state["snapshot"], np.uint8)):
        other.sample(5)
        other.load_state_dict({"snapshot": snapshot})
        assert other.config == scheduler.config
        assert (other.sample(9) == expected).all() and other.digest() == scheduler.digest()
    before = other.digest()
    for bad, error, message in [
        ({}, ValueError, "what state_dict"),
        ({"snapshot": state["snapshot"], "step": 3}, ValueError, r"'snapshot', got \['snapshot', 'step'\]"),
        (state["snapshot"], ValueError, "got bytes"),
        ({"snapshot": scheduler.state}, TypeError, "snapshot must be bytes, got an array of uint32"),
        ({"snapshot": state["snapshot"][:-1]}, ValueError, "end early"),
    ]:
        with pytest.raises(error, match=message):
            other.load_state_dict(bad)
        assert other.digest() == before


def test_a_state_dict_of_another_configuration_names_the_fields(recwarn):
    table = np.arange(1.0, 33.0)
    saved = infonoise.Scheduler(infonoise.Config.edm(0.7, bins=32, weight=table, baseline="table", baseline_table=table))
    scheduler = infonoise.Scheduler(infonoise.Config.edm(0.5, bins=32))
    changes = (
        "sigma_min = 0.002 -> 0.0028, sigma_max = 80.0 -> 112.0, sigma_data = 0.5 -> 0.7, "
        "baseline = loguniform -> table, weight, baseline_table"
    )
    before = scheduler.save()
    with pytest.raises(ValueError, match=f"another configuration: {changes}. Load it into a scheduler"):
        scheduler.load_state_dict(saved.state_dict(), strict=True)
    assert scheduler.save() == before and scheduler.config.sigma_data == 0.5
    with pytest.warns(UserWarning, match=f"another configuration: {changes}. The loaded one is kept") as caught:
        scheduler.load_state_dict(saved.state_dict())
    assert [warning.filename for warning in caught] == [__file__]
    assert scheduler.save() == saved.save() and scheduler.config == saved.config
    for strict in (False, True):  # equal ones, in whatever way they are written
        scheduler.load_state_dict(saved.state_dict(), strict=strict)
        plain = infonoise.Scheduler(infonoise.Config(weight=np.ones(64)))
        plain.load_state_dict(infonoise.Scheduler(infonoise.Config()).state_dict(), strict=strict)
    # A change during the run is a difference too: the schedule continues with it.
    saved.reconfigure(refresh_every=50)
    with pytest.warns(UserWarning, match="configuration: refresh_every = 100 -> 50. The"):
        scheduler.load_state_dict(saved.state_dict())
    assert not recwarn.list


def test_the_state_is_a_copy_that_can_only_be_read():
    scheduler = trained()
    words, digest = scheduler.state, scheduler.digest()
    with pytest.raises(ValueError, match="read-only"):
        words[:] = 0
    with pytest.raises(AttributeError):
        scheduler.state = words
    kept = words.copy()
    scheduler.sample(9)
    assert (words == kept).all() and (scheduler.state != kept).any()
    assert words.dtype == np.uint32 and words.ndim == 1 and words.ctypes.data % 8 == 0
    assert infonoise.Scheduler.from_state(words).digest() == digest


class Lender:
    """An array with DLPack only, as small array libraries have."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **asked):
        return self.array.__dlpack__(**asked)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


@pytest.mark.parametrize("lend", [Lender, memoryview, np.ndarray.tolist, np.float64, np.asfortranarray])
def test_what_can_be_observed(lend):
    one, other = trained(steps=0), trained(steps=0)
    sigma = one.sample(64)
    error = gaussian(sigma)
    assert one.observe(sigma, error, sigma > 1) == 0
    assert other.observe(lend(other.sample(64)), lend(error), lend(np.asarray(sigma > 1, np.uint8))) == 0
    assert one.digest() == other.digest()
    assert (one.advance(lend(sigma), lend(error)) == other.advance(sigma, error)).all()


def test_what_only_float64_holds_is_screened_before_it_is_narrowed():
    """Negative errors are rejected, however small; in float32 they would be -0."""
    error = np.array([1e-45, -1e-45, -0.0, 1e-39, -1e-300, -1e-60])
    one, other = trained(steps=0), trained(steps=0)
    assert one.observe(np.ones(6), error) == other.observe(np.ones(6), error.tolist()) == 3
    assert one.digest() == other.digest() and one.report()["observations"] == 3


def test_what_is_no_real_number_is_refused():
    gaps = np.ma.masked_array(np.ones(3, np.float32), [False, True, False])
    dates = np.array(["2020-01-01"] * 3, "datetime64[D]")
    for call in (infonoise.Scheduler.observe, infonoise.Scheduler.advance):
        for bad, message in [
            (gaps, "error has masked entries, which would count"),
            (dates, "error must be real numbers, got datetime64"),
            (dates - dates, "timedelta64"),
            (["1", "2", "3"], "error must be real numbers, got <U1"),
            (np.ones(3, complex), "complex128"),
            ([1.0, None, 2.0], "object"),
        ]:
            scheduler = trained(steps=0)
            before = scheduler.digest()
            with pytest.raises(TypeError, match=message):
                call(scheduler, np.ones(3, np.float32), bad)
            with pytest.raises(TypeError, match=message.replace("error", "sigma")):
                call(scheduler, bad, np.ones(3, np.float32))
            assert scheduler.digest() == before
    assert trained(steps=0).observe(np.ones(3), np.ma.masked_array([1.0, 2.0, 3.0])) == 0
    assert trained(steps=0).observe(np.ones(3), np.ones(3, bool)) == 0


def test_draws_are_lent_without_a_copy():
    sigma = trained().sample(16)
    lent = np.from_dlpack(sigma)
    assert lent.dtype == np.float32 and np.shares_memory(lent, sigma)
    assert memoryview(sigma).format == "f" and not memoryview(sigma).readonly


def test_entropic_time_inverts_and_matches_the_profile():
    scheduler = trained()
    sigma = np.geomspace(0.002, 80, 50)
    for power, gated in [(0.0, True), (1.0, False)]:
        time = scheduler.to_entropic_time(sigma, power=power, gated=gated)
        assert (np.diff(time) >= 0).all() and time[0] == 0 and time[-1] == pytest.approx(1)
        inside = (time > 1e-6) & (time < 1 - 1e-6)
        back = scheduler.from_entropic_time(time, power=power, gated=gated)
        np.testing.assert_allclose(back[inside], sigma[inside], 1e-6)
    assert scheduler.from_entropic_time(0.5).shape == ()


def test_info_grid_in_flow_time_runs_from_noise_to_data():
    scheduler = trained()
    sigma, time = scheduler.info_grid(12), scheduler.info_grid(12, coordinate="flow_t")
    np.testing.assert_allclose(time, sigma / (1 + sigma.astype(float)))
    assert (np.diff(time) < 0).all() and time[0] > 0.98 and time[-1] < 0.01


def test_freeze_reconfigure_and_config_round_trip():
    scheduler = trained()
    refreshes = scheduler.report()["refreshes"]
    scheduler.freeze()
    for _ in range(30):
        scheduler.step()
    assert scheduler.report()["refreshes"] == refreshes and scheduler.report()["phase"] == "frozen"
    scheduler.unfreeze()
    assert scheduler.step()["refreshes"] == refreshes + 1
    scheduler.reconfigure(refresh_every=3, pivot="off", weight=np.linspace(1, 2, 64))
    config = scheduler.config
    assert (config.refresh_every, config.pivot, config.weight[-1]) == (3, "off", 2.0)
    for _ in range(3):
        scheduler.step()
    assert scheduler.report()["pivot_rule"] == "off"
    before = scheduler.digest()
    for changes, message in [
        ({"bins": 32}, "bins|weight"),
        ({"window": 128}, "window = 128 must be left at 256"),
        ({"sigma_max": 90.0}, "sigma_max = 90 must be left at 80"),
        ({"objective": "epsilon"}, "objective = epsilon must be left at x0"),
        ({"draw": "stratified"}, "draw = stratified must be left at independent"),
        ({"baseline": "lognormal", "coverage": 0.1}, "baseline = lognormal must be left at loguniform"),
        ({"min_count": 999}, "min_count = 999"),
    ]:
        with pytest.raises(ValueError, match=message):
            scheduler.reconfigure(**changes)
    assert scheduler.digest() == before
    scheduler.reconfigure(weight=None)
    assert scheduler.config.weight is None


def test_the_baselines_table_is_fixed_at_init(tmp_path):
    table = np.linspace(1, 2, 64)
    scheduler = infonoise.Scheduler(infonoise.Config(baseline="table", baseline_table=table))
    with infonoise.Journal(tmp_path / "run.journal", scheduler) as journal:
        for verbs in (scheduler, journal):
            before = scheduler.digest()
            with pytest.raises(ValueError, match=r"baseline_table\[0\] = 2 must be left at 1: it is fixed at init"):
                verbs.reconfigure(baseline_table=table[::-1])
            assert scheduler.digest() == before
            verbs.reconfigure(baseline_table=table, refresh_every=7)


def test_configurations_come_back_as_they_were_given():
    for name in ("default", "discrete", "edm", "flow", "epsilon", "paper"):
        config = infonoise.Config.preset(name)
        assert infonoise.Scheduler(config).config == config
    config = infonoise.Config(sigma_min=0.1, sigma_max=1 / 3, weight=np.linspace(1, 2, 64))
    assert (config.sigma_min, config.sigma_max) == (0.1, 0.33333334)  # the shortest decimal of the float32
    assert infonoise.Scheduler(config).config == config


def test_a_new_run_starts_from_another_runs_density():
    old = trained()
    edm = infonoise.Config.from_profile(old.profile(), like=infonoise.Config.edm(0.7))
    assert (edm.objective, edm.sigma_data, edm.baseline) == ("edm", 0.7, "table")
    config = infonoise.Config.from_profile(old.profile(), warmup_steps=7)
    new = infonoise.Scheduler(config, seed=2)
    assert new.report()["q50"] == pytest.approx(old.report()["q50"], rel=0.02) and new.config == dataclasses.replace(
        config, sigma_min=new.config.sigma_min, sigma_max=new.config.sigma_max
    )


def test_coordinates():
    sigma = np.array([0.002, 0.5, 1.0, 80.0])
    assert infonoise.coordinates.from_sigma("flow_t", 1.0) == 0.5
    assert infonoise.coordinates.from_sigma("flow_t", 1e9) > 0.999  # t = 1 is noise
    np.testing.assert_allclose(infonoise.coordinates.from_sigma("log_snr", sigma), -2 * np.log(sigma))
    np.testing.assert_allclose(infonoise.coordinates.from_sigma("c_noise", sigma), np.log(sigma) / 4)
    for name in ("sigma", "flow_t", "log_snr", "c_noise"):
        value = infonoise.coordinates.from_sigma(name, sigma)
        np.testing.assert_allclose(infonoise.coordinates.to_sigma(name, value), sigma, 1e-12)
    with pytest.raises(ValueError, match="coordinate = snr must be one of sigma, flow_t"):
        infonoise.coordinates.from_sigma("snr", 1.0)
    snapped, index = infonoise.coordinates.snap([0.2, 5.0], [10.0, 1.0, 0.1])
    assert snapped.tolist() == [np.float32(0.1), 10.0] and index.tolist() == [2, 0]


def test_any_memory_order_is_converted():
    table = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    for array in (np.asfortranarray(table), table.T, table[:, ::2]):
        np.testing.assert_allclose(infonoise.coordinates.from_sigma("flow_t", array), array / (1 + array))
        assert (infonoise.coordinates.snap(array, [1.5, 4.5])[0] == np.where(array**2 <= 1.5 * 4.5, 1.5, 4.5)).all()
        scheduler = trained(steps=30)
        time = scheduler.to_entropic_time(array)
        np.testing.assert_allclose(time, np.vectorize(scheduler.to_entropic_time)(array))
        np.testing.assert_allclose(scheduler.from_entropic_time(time), array, rtol=1e-3)


def test_diagnosis_ranks_schedules():
    scheduler = trained()
    law = infonoise.schedules
    own = infonoise.diagnose(scheduler, law.table(scheduler.profile()["density"]))
    assert own["total_variation"] < 1e-9 and own["wasted"] < 1e-9 and own["inside_band"] == pytest.approx(0.9)
    # Standard normal log-sigma around the data's scale wastes less than EDM's or log-uniform.
    near, edm, flat = (
        infonoise.diagnose(scheduler, schedule)["wasted"]
        for schedule in (law.lognormal(-0.4, 0.8), law.lognormal(), law.loguniform())
    )
    assert near < edm < 0.9 and near < flat < 0.9
    for schedule in (law.logitnormal(), law.cosine(), law.shifted_flow(3.0)):
        found = infonoise.diagnose(scheduler, schedule, estimate=True)
        assert 0 < found["total_variation"] < 1 and found["emphasis"].sum() == pytest.approx(1)
    assert "lognormal(-1.2, 1.2) puts" in infonoise.diagnose(scheduler, law.lognormal())["verdict"]
    with pytest.raises(ValueError, match="makes no sense"):
        infonoise.diagnose(scheduler, law.lognormal(0, -1))
    with pytest.raises(ValueError, match="not ready"):
        infonoise.diagnose(infonoise.Scheduler(infonoise.Config()), law.cosine())


def test_the_dataclass_has_the_core_s_fields():
    own = {field.name for field in dataclasses.fields(infonoise.Config)} - {"weight", "baseline_table"}
    assert own == set(_native.preset("default"))


def test_masses_of_the_named_schedules():
    edges = np.asarray(infonoise.Scheduler(infonoise.Config()).profile()["edges"])
    np.testing.assert_allclose(schedule_masses(infonoise.schedules.loguniform(), edges), 1 / 64, rtol=1e-6)
    cdf = [math.erfc(-(math.log(edge) + 1.2) / 1.2 / math.sqrt(2)) / 2 for edge in edges]
    np.testing.assert_allclose(schedule_masses(infonoise.schedules.lognormal(-1.2, 1.2), edges), np.diff(cdf), atol=1e-15)
    table = np.arange(64.0)
    np.testing.assert_allclose(schedule_masses(infonoise.schedules.table(table), edges), table / table.sum(), atol=1e-15)
    with pytest.raises(ValueError, match="table has 3 numbers, must have bins = 64"):
        schedule_masses(infonoise.schedules.table([1, 2, 3]), edges)
    with pytest.raises(TypeError, match="must come from infonoise.schedules, got str"):
        schedule_masses("cosine", edges)


def test_the_datas_deviation_of_known_arrays():
    for known, data in [
        (0.5, np.array([[-0.5], [0.5]])),
        (0.5, np.array([-0.5, 0.5])),  # one number a sample
        (1.0, np.array([[1, -1, 1], [-1, 1, -1]])),  # codes of +1 and -1
        (math.sqrt(3 / 16), np.eye(4)),  # one-hot letters
        (math.sqrt(1.25), np.array([1, 2, 3, 4], np.uint8)),
        (math.sqrt((1 + 9) / 2), np.array([[[1.0, 7.0]], [[3.0, 1.0]]])),  # dimensions of deviation 1 and 3
        (1.0, np.array([[0.0, 5.0], [2.0, 7.0]])),  # the difference between the dimensions does not count
        (0.5, np.array([False, True])),
        (1.0, np.array([[1e6 - 1], [1e6 + 1]], np.float32)),
    ]:
        found = infonoise.data_deviation(data)
        assert type(found) is float and found == pytest.approx(known, rel=1e-15), data
    for kind in (Lender, memoryview, np.float16, np.asfortranarray):
        assert infonoise.data_deviation(kind(np.arange(6.0).reshape(3, 2))) == pytest.approx(math.sqrt(8 / 3), rel=1e-15)


def test_the_deviation_of_a_stream_is_that_of_the_whole():
    random = np.random.default_rng(0)
    far = 1e6 + random.standard_normal((20000, 16))
    images = random.integers(0, 256, (2000, 8, 8, 3)).astype(np.uint8)
    numbers = random.standard_normal(2_000_000)  # more than are converted at a time
    wide = random.standard_normal((3, 1 << 20)).astype(np.float32)
    for data in (far, images, numbers, wide):
        exact = math.sqrt(((data - data.mean(0, dtype=float)) ** 2).mean())
        assert infonoise.data_deviation(data) == pytest.approx(exact, rel=1e-12)
        for size in (len(data) // 7 + 1, 999):
            stream = (data[first : first + size] for first in range(0, len(data), size))
            assert infonoise.data_deviation(stream) == pytest.approx(exact, rel=1e-12)
    uneven = [far[:1], far[1:1], far[1:40], far[40:]]
    assert infonoise.data_deviation(uneven) == pytest.approx(infonoise.data_deviation(far), rel=1e-12)
    # A float32 sum of squares would be wrong in its first digit.
    assert infonoise.data_deviation(far) == pytest.approx(1, abs=0.005)


@pytest.mark.parametrize(
    "data, error, words",
    [
        (np.ones((1, 3)), ValueError, "x has 1 sample, must have at least 2"),
        ([], ValueError, "x has 0 samples, must have at least 2"),
        (np.ones((5, 3)), ValueError, "the deviation of x = 0 must be above 0: all 5 samples are equal"),
        (np.array([[1, 2], [3, np.nan]]), ValueError, r"x\[1, 1\] = nan must be finite: leave this sample out"),
        ([np.ones((4, 2)), np.array([[0.0, -np.inf]])], ValueError, r"batch 1 of x\[0, 1\] = -inf must be finite"),
        (np.append(np.zeros(3_000_000), np.inf), ValueError, r"x\[3000000\] = inf must be finite"),
        ([np.ones((2, 3)), np.ones((2, 4))], ValueError, r"batch 1 of x has samples of shape \(4,\), must have \(3,\)"),
        (np.ones(()), ValueError, r"x is one number, must have the shape \(samples, ...\)"),
        (np.ones((3, 0)), ValueError, r"x has the shape \(3, 0\), must have at least one dimension"),
        ([1.0, 2.0], TypeError, r"batch 0 of x must be an array .*, got float: .* numpy.asarray\(list\)"),
        ([(np.ones((2, 3)), np.ones(2))], TypeError, r"got tuple: of a loader of pairs take \(images for images, labels"),
        ("data.npy", TypeError, "x must be an array .* or an iterable of such batches, got str"),
        (None, TypeError, "got NoneType"),
        (np.array(["a", "b"]), TypeError, "x must be real numbers, got <U1"),
        (np.ones(3, complex), TypeError, "complex128"),
        (np.ma.masked_array(np.ones(3), [0, 1, 0]), TypeError, "x has masked entries"),
    ],
)
def test_data_without_a_deviation(data, error, words):
    with pytest.raises(error, match=words):
        infonoise.data_deviation(data)


def masses(table, **changes):
    return infonoise.Config(baseline="table", baseline_table=table, **changes)


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda s: s.observe([1.0], [1.0, 2.0]), ValueError, r"same shape, got \(1,\), \(2,\)"),
        (lambda s: s.sample(4, rank=4, world=4), ValueError, "rank = 4 of world = 4"),
        (lambda s: s.observe(None, [1.0]), TypeError, "got None"),
        (lambda s: s.advance(np.ones(2, np.float32), np.ones(3, np.float32)), ValueError, r"same shape, got \(2,\)"),
        (lambda s: s.advance(np.ones(2, np.float32), None), TypeError, "got None"),
        (lambda s: s.observe(np.ones((2, 3)), np.ones((3, 2))), ValueError, "same shape"),
        (lambda s: infonoise.Config(weight=[]), ValueError, "weight has 0 numbers"),
        (lambda s: infonoise.Config(weight=[1.0] * 63 + [0.0]), ValueError, r"weight\[63\] = 0 must be above 0: it is the factor"),
        (lambda s: masses([1.0] * 63), ValueError, "baseline_table has 63 numbers, must have bins = 64"),
        (lambda s: masses([1.0] * 63 + [-1]), ValueError, r"baseline_table\[63\] = -1 must be at least 0: "),
        (lambda s: masses([float("nan")] * 64), ValueError, r"baseline_table\[0\] = NaN must be finite and at least 0: "),
        (lambda s: masses([0.0] + [1.0] * 63, coverage=0.0), ValueError, r"baseline_table\[0\] = 0 must be above 0: .* coverage"),
        (lambda s: masses([0.0] * 64), ValueError, "baseline_table = 0 must be positive somewhere"),
        (lambda s: infonoise.Config(baseline="table"), ValueError, "baseline = table must be given with a table of masses, bins = 64"),
        (
            lambda s: infonoise.Config(baseline_table=[1.0] * 64),
            ValueError,
            r"baseline = loguniform must be set to table: a table of masses \(baseline_table\) goes",
        ),
        (lambda s: s.reconfigure(weight=[1.0] * 17 + [-1.0] + [1.0] * 46), ValueError, r"weight\[17\] = -1 must be above 0"),
        (lambda s: infonoise.Config(weight=[1j] * 64), TypeError, "weight must be real numbers, got complex128"),
        (lambda s: infonoise.Config(weight="abc"), TypeError, "weight must be real numbers, got <U3"),
        (lambda s: infonoise.diagnose(s, infonoise.schedules.table([-1] * 64)), ValueError, "schedule table makes no sense"),
        (lambda s: infonoise.diagnose(s, infonoise.schedules.lognormal(0, -1)), ValueError, r"lognormal\(0, -1\) makes no"),
        (lambda s: infonoise.Scheduler.from_state(s.state[:-2]), ValueError, "pass all words of one block"),
        (lambda s: infonoise.Scheduler.load("ckpt.bin"), TypeError, r"snapshot must be bytes, got str: .* pathlib.Path\(path\).read_bytes"),
        (lambda s: infonoise.Scheduler.load(5), TypeError, "snapshot must be bytes, got int"),
        (lambda s: s.sample(-1), TypeError, "n must be a static, non-negative integer, got -1"),
        (lambda s: s.sample(4, rank=0, world=4.0), TypeError, "world must be a static integer, the number of ranks, got 4.0"),
        (lambda s: s.sample(4, rank=0.0, world=1), TypeError, "rank must be one integer, got 0.0"),
        (lambda s: s.advance([1.0], [1.0], 2**33), ValueError, "n = 8589934592"),
        (lambda s: s.info_grid(1), ValueError, "n = 1 must be at least 2"),
        (lambda s: s.info_grid(4, power=99), ValueError, "power = 99 must be from -64 to 64"),
        (lambda s: s.to_entropic_time(float("nan")), ValueError, "NaN"),
        (lambda s: infonoise.Scheduler(s.config, 1.5), TypeError, "seed must be an integer, got 1.5"),
        (lambda s: infonoise.coordinates.to_sigma("flow_t", 1.0), ValueError, "from 0 to below 1"),
        (lambda s: infonoise.coordinates.from_sigma("log_snr", 0.0), ValueError, "positive"),
        (lambda s: infonoise.Scheduler("edm"), TypeError, "infonoise.Config"),
        (lambda s: infonoise.Scheduler(s.config, -1), ValueError, "seed = -1"),
        (lambda s: infonoise.Config.preset("sd"), ValueError, "preset = sd must be one of default, discrete"),
        (lambda s: infonoise.diagnose(s, "cosine"), TypeError, "infonoise.schedules"),
    ],
)
def test_misuse(call, error, words):
    scheduler = trained()
    before = scheduler.digest()
    with pytest.raises(error, match=words):
        call(scheduler)
    assert scheduler.digest() == before


def test_files_of_version_1_are_refused_by_their_version():
    """Their rules differ, so neither can go on: the files were written before the method's first steps changed."""
    folder = Path(__file__).resolve().parent / "vectors/version-1"
    with pytest.raises(ValueError, match=r"whose rules differ: load it with that one.*\(version 1\)"):
        infonoise.Scheduler.load((folder / "schedule.snapshot").read_bytes())
    with pytest.raises(ValueError, match=r"whose rules differ: replay it with that one.*\(version 1\)"):
        infonoise.replay(folder / "run.journal")
