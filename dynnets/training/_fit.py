"""`fit`: the one training loop of the library."""

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from jaxtyping import PRNGKeyArray, PyTree

from dynnets._core import check_finite, check_size, trainable

from ._checkpoint import Checkpoints
from ._compiled import Problem, advance, evaluate, initial_best, initial_state, own_copy, real_dtype
from ._ensemble import check_ensemble
from ._fingerprint import fingerprint
from ._history import Record, Recorder, empty_history
from ._interrupt import FitInterrupted, caught_interrupt
from ._result import FitResult, Status


def _prepared(name: str, data: PyTree, data_axis: int | None) -> tuple[PyTree, int]:
    """The data as JAX arrays, and how many samples they hold."""
    axis = 0 if data_axis is None else 1
    data = jax.tree.map(lambda a: jnp.asarray(a) if isinstance(a, np.ndarray) else a, data)
    sizes = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(eqx.filter(data, eqx.is_array)):
        where = f"{name}{jax.tree_util.keystr(path)}"
        if jnp.issubdtype(leaf.dtype, jnp.inexact):
            check_finite(where, leaf)
        sizes[where] = leaf.shape[axis] if leaf.ndim > axis else None
    if not sizes:
        raise ValueError(f"{name} hold no array")
    if len(set(sizes.values())) > 1 or None in sizes.values():
        raise ValueError(f"the arrays of {name} differ in their number of samples: {sizes}")
    samples = next(iter(sizes.values())) or 0
    if samples == 0:
        raise ValueError(f"{name} hold no sample")
    return data, samples


def _partition(model: eqx.Module, filter_spec) -> tuple[PyTree, PyTree]:
    spec = trainable(model) if filter_spec is None else filter_spec
    chosen, _ = eqx.partition(model, spec)
    arrays = jax.tree.map(eqx.is_inexact_array, chosen)
    params, frozen = eqx.partition(model, _as_mask(arrays, model))
    if not jax.tree.leaves(params):
        raise ValueError(f"{type(model).__name__} has no trainable array under this filter_spec")
    return params, frozen


def _as_mask(arrays, model):
    """`True` where `arrays` is, `False` for every other leaf of the model."""
    found = {p for p, leaf in jax.tree_util.tree_leaves_with_path(arrays) if leaf}
    return jax.tree_util.tree_map_with_path(lambda p, _: p in found, model)


def _check_options(optimiser, validation, patience, data_axis, ensemble):
    # optax takes any pair of this form: a tuple of its own, or of another library
    if not hasattr(optimiser, "init") or not hasattr(optimiser, "update"):
        raise ValueError(
            f"the optimiser must be an optax GradientTransformation, got {optimiser!r}"
        )
    if patience is not None:
        check_size("patience", patience)
        if validation is None:
            raise ValueError(f"patience={patience} needs validation data")
    if data_axis not in (None, 0):
        raise ValueError(f"data_axis must be None (shared) or 0 (one per member), got {data_axis}")
    if data_axis == 0 and ensemble is None:
        raise ValueError("data_axis=0 gives every member its own data: it needs ensemble=k")


def _problem(
    model, loss, data, optimiser, key, batch_size, chunk, ensemble, data_axis, filter_spec
) -> tuple[Problem, PyTree]:
    """What stays the same during a run, and the parameters that do not."""
    if ensemble is not None:
        check_ensemble(model, ensemble)
    data, samples = _prepared("data", data, data_axis)
    if batch_size is not None:
        check_size("batch_size", batch_size)
        if batch_size > samples:
            raise ValueError(f"batch_size is {batch_size}, but there are only {samples} samples")
    params, frozen = _partition(model, filter_spec)
    problem = Problem(
        frozen=frozen,
        loss=loss,
        optimiser=optax.with_extra_args_support(optimiser),
        data=data,
        keys=key if ensemble is None else jr.split(key, ensemble),
        samples=samples,
        batch_size=batch_size,
        members=ensemble,
        data_axis=data_axis,
        chunk=chunk,
    )
    return problem, params


def fit(
    model: eqx.Module,
    loss: Callable,
    data: PyTree,
    optimiser,
    *,
    steps: int,
    key: PRNGKeyArray,
    batch_size: int | None = None,
    chunk: int = 100,
    ensemble: int | None = None,
    data_axis: int | None = None,
    validation: PyTree | None = None,
    validation_loss: Callable | None = None,
    evaluate_every: int | None = None,
    patience: int | None = None,
    checkpoint=None,
    checkpoint_every: int | None = None,
    resume: bool = True,
    callbacks: Sequence[Callable[[int, Record], Any]] = (),
    progress: bool = False,
    filter_spec: PyTree = None,
) -> FitResult:
    """Minimise `loss(model, batch, key=key)` by `steps` updates of an optax optimiser.

    Many updates run in one compiled program, traced once per call; the loop around it serves
    evaluation, callbacks, checkpoints and the progress bar. Neither `model` nor `data` is
    changed. No value is promoted: the parameters keep their dtypes.

    **Arguments:**

    - `model`: an Equinox module; `loss`: returns one number, in the parameters' precision.
    - `data`: arrays with the samples along their first axis, such as `Samples` or `Trajectories`.
    - `optimiser`: any optax transformation, line searches such as `optax.lbfgs()` included.
    - `key`: for the minibatches and the loss.
    - `batch_size`: samples per update, drawn without replacement and reshuffled every epoch (the
      remainder of an epoch is left out); `None` for all of them.
    - `chunk`: the largest number of updates between two looks at the clock.
    - `ensemble`: `k`, if `model` is a stack of `k` models (`stack_models`): all are trained in
      one vmapped program with keys of their own. `data_axis=0`: `data` and `validation` have
      a leading axis `k` too.
    - `validation`, `validation_loss` (default `loss`), `evaluate_every` (default `chunk`): the
      model of least validation loss is kept, evaluated at step 0, then every so many steps and
      at the end. `patience`: stop after so many evaluations without a better one.
    - `checkpoint`: a directory, new or of this very run; `checkpoint_every`: steps (default: 30
      seconds). With `resume=True` a run that was killed goes on from there and ends **bit-equal**
      to one that was not. `steps` may be larger than before.
    - `callbacks`: called as `callback(step, record)` after every chunk; one that returns `True`
      ends the run. `progress`: a tqdm bar.
    - `filter_spec`: what is trained, as for `equinox.partition`; all floating-point arrays
      but those of a `constant_field` by default.

    **Returns** a `FitResult`. A step whose loss, gradient or new parameters are not finite is
    undone and ends the run with the status `DIVERGED` and the last good model; in an ensemble
    that member stops and the others go on.

    Raises `ValueError` for data that are not finite or of unequal length, options that do not
    fit, and a checkpoint directory of another run; `FitInterrupted` (a `KeyboardInterrupt`) at
    Ctrl-C, after a checkpoint was written.

    ```python
    >>> import equinox as eqx, jax, jax.numpy as jnp, jax.random as jr, optax
    >>> from dynnets.training import FitInterrupted, History, Status, fit
    >>> model = eqx.nn.Linear(2, 1, key=jr.key(0))
    >>> x = jr.normal(jr.key(1), (64, 2))
    >>> data = {"x": x, "y": x @ jnp.array([[1.0], [-2.0]])}
    >>> def loss(model, batch, *, key):
    ...     return jnp.mean((jax.vmap(model)(batch["x"]) - batch["y"]) ** 2)
    >>> result = fit(model, loss, data, optax.adam(0.1), steps=300, key=jr.key(2))
    >>> print(result.status)
    completed
    >>> result.status is Status.COMPLETED, isinstance(result.history, History)
    (True, True)
    >>> issubclass(FitInterrupted, KeyboardInterrupt)
    True

    ```
    """
    check_size("steps", steps, 0)
    check_size("chunk", chunk)
    evaluate_every = chunk if evaluate_every is None else evaluate_every
    check_size("evaluate_every", evaluate_every)
    _check_options(optimiser, validation, patience, data_axis, ensemble)
    problem, params = _problem(
        model, loss, data, optimiser, key, batch_size, chunk, ensemble, data_axis, filter_spec
    )
    if validation is not None:
        validation, _ = _prepared("validation", validation, data_axis)
    validation_loss = loss if validation_loss is None else validation_loss
    run = _Run(problem, params, steps, validation, validation_loss, evaluate_every, patience)
    if checkpoint is not None:
        identity = fingerprint(
            model=model,
            loss=(loss, validation_loss),
            data=(problem.data, validation),
            optimiser=optimiser,
            key=key,
            settings=(batch_size, ensemble, data_axis, evaluate_every, patience, filter_spec),
        )
        run.attach(Checkpoints(checkpoint, identity, resume, checkpoint_every))
    return run.loop(callbacks, progress)


class _Run:
    """The loop on the host: what happens between two chunks."""

    def __init__(self, problem, params, steps, validation, validation_loss, every, patience):
        self.problem, self.steps, self.patience = problem, steps, patience
        self.validation, self.validation_loss, self.every = validation, validation_loss, every
        self.state = initial_state(problem, params)
        self.best = None if validation is None else initial_best(problem, params)
        lead = () if problem.members is None else (problem.members,)
        self.recorder = Recorder(empty_history(lead, real_dtype(params)))
        self.checkpoints: Checkpoints | None = None
        self.step, self.before, self.begun = 0, 0.0, time.monotonic()
        self.last_loss: np.ndarray | None = None
        self.last_validation: np.ndarray | None = None

    @property
    def seconds(self) -> float:
        return self.before + time.monotonic() - self.begun

    def attach(self, checkpoints: Checkpoints) -> None:
        """Use a checkpoint directory and go on from its newest checkpoint."""
        self.checkpoints = checkpoints
        found = checkpoints.restore((self.state, self.best), self.recorder.history())
        if found is not None:
            (self.state, self.best), history, self.before = found
            self.recorder = Recorder(history)
            self.step = int(self.state.step)

    def loop(self, callbacks, progress) -> FitResult:
        """Train to the end, whatever the end is."""
        with contextlib.ExitStack() as stack:
            if self.checkpoints is not None:
                stack.callback(self.checkpoints.close)
            interrupt = stack.enter_context(caught_interrupt())
            bar = stack.enter_context(_bar(self.steps, self.step)) if progress else None
            self._evaluate_if_due()
            status = self._end()
            while status is None:
                self._advance()
                self._evaluate_if_due()
                record = self._record()
                if bar is not None:
                    bar.update(self.step - bar.n)
                    bar.set_postfix_str(f"loss {np.mean(record.loss):.3g}", refresh=False)
                stop = [callback(self.step, record) for callback in callbacks]
                if interrupt.pressed:
                    self._raise_interrupted()
                status = self._end() or (Status.STOPPED_BY_CALLBACK if any(stop) else None)
                self._save(force=status is not None)
            return self._result(status)

    def _next_stop(self) -> int:
        stops = [self.steps, self.step + self.problem.chunk]
        if self.best is not None:
            stops.append((self.step // self.every + 1) * self.every)
        if self.checkpoints is not None:
            stops.append(self.checkpoints.next_due(self.step) or self.steps)
        return min(stops)

    def _advance(self) -> None:
        count = jnp.asarray(self._next_stop() - self.step)
        self.state, losses = advance(self.problem, self.state, count)
        step = int(self.state.step)
        losses = np.asarray(losses)[: step - self.step]
        if self.problem.members is None and not self._alive():
            losses = losses[: int(self.state.good) - self.step + 1]  # up to the step that failed
        self.recorder.add_losses(losses)
        self.step, self.last_loss, self.last_validation = step, losses[-1], None

    def _evaluate_if_due(self) -> None:
        due = self.step % self.every == 0 or self.step >= self.steps or not self._alive()
        if self.best is None or not due or self.recorder.last_validation_step == self.step:
            return
        value, self.best = evaluate(
            self.problem,
            self.validation_loss,
            self.validation,
            self.state.params,
            self.best,
            jnp.asarray(self.step),
        )
        self.last_validation = np.asarray(value)
        self.recorder.add_validation(self.step, self.last_validation)

    def _alive(self) -> bool:
        return bool(self.state.alive.any())

    def _end(self) -> Status | None:
        """Why the run is over, `None` if it is not."""
        if not self._alive():
            return Status.DIVERGED
        if self.patience is not None and self.best is not None:
            stale = np.asarray(self.best.stale) >= self.patience
            if np.all(stale | ~np.asarray(self.state.alive)):
                return Status.STOPPED_EARLY
        return Status.COMPLETED if self.step >= self.steps else None

    def _record(self) -> Record:
        params, frozen = self.state.params, self.problem.frozen
        return Record(
            step=self.step,
            steps=self.steps,
            loss=self.last_loss,
            validation=self.last_validation,
            best=None if self.best is None else np.asarray(self.best.value),
            seconds=self.seconds,
            model=lambda: eqx.combine(own_copy(params), frozen),
        )

    def _save(self, force: bool) -> None:
        if self.checkpoints is not None and (force or self.checkpoints.is_due(self.step)):
            tree = (self.state, self.best)
            self.checkpoints.save(self.step, tree, self.recorder.history(), self.seconds)

    def _raise_interrupted(self):
        self._save(force=True)
        where = "no checkpoint directory was given"
        if self.checkpoints is not None:
            where = f"call fit again to go on from the checkpoint in {self.checkpoints.directory}"
        message = f"fit was interrupted at step {self.step} of {self.steps}; {where}"
        raise FitInterrupted(message, self._result(Status.INTERRUPTED))

    def _result(self, status: Status) -> FitResult:
        frozen, single = self.problem.frozen, self.problem.members is None
        model = eqx.combine(self.state.params, frozen)
        plain = (lambda a: np.asarray(a).item()) if single else np.asarray
        return FitResult(
            model=model,
            best_model=model if self.best is None else eqx.combine(self.best.params, frozen),
            best_value=None if self.best is None else plain(self.best.value),
            best_step=None if self.best is None else plain(self.best.step),
            step=plain(self.state.good),
            diverged=plain(~self.state.alive),
            status=status,
            history=self.recorder.history(),
            seconds=self.seconds,
        )


def _bar(steps: int, step: int):
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise ImportError("progress=True needs tqdm: pip install 'dynnets[train]'") from None
    return tqdm(total=steps, initial=step, unit="step")
