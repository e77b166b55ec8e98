"""Gradients of diffrax solves by the exact inverse of the step: no trajectory is stored."""

import diffrax
import equinox as eqx
import equinox.internal as eqxi
import jax
import jax.numpy as jnp
import jax.tree_util as jtu

from ._dense_output import HermiteOutput
from ._diffrax import StepSolver, dense_output
from ._sweep import check_invertible, undo_step


class InverseAdjoint(diffrax.AbstractAdjoint):
    """`diffeqsolve(..., adjoint=InverseAdjoint())` for `as_solver(step)` of an invertible step.

    The way back rebuilds every state by the step's exact `inverse`, and pulls the cotangents back
    through the step from there: the gradient of the discrete solution itself, as `DirectAdjoint`
    gives it, up to the round-off of rebuilding, which grows as it does along the trajectory
    (exponentially where the flow is chaotic). Working memory is that of one step, whatever their
    number is, plus what is saved, plus one time per step.

    Gradients reach the initial state, `args`, the terms and the parameters of the step; for times
    and for arrays in the closure of a function JAX raises. Works with `SaveAt(t0=, t1=, ts=,
    steps=)`, `ConstantStepSize` and `StepTo`, forwards and backwards in time, under `jit` and
    `vmap`. Cost of a gradient: one evaluation and one pullback for each part of a splitting, else
    one inverse, one step and its pullback; a step with output at `ts` pays one more inverse and the
    pullback of its output. Forward-mode derivatives are refused by JAX.

    Raises `ValueError` for another solver, a step without an exact inverse, adaptive steps, events,
    `SaveAt(dense=True)`, `SaveAt(fn=)`, `SaveAt(subs=)` of several parts, and `max_steps=None`.
    """

    def loop(
        self,
        *,
        args,
        terms,
        solver,
        stepsize_controller,
        event,
        saveat,
        t0,
        t1,
        dt0,
        max_steps,
        throw,
        init_state,
        passed_solver_state,
        passed_controller_state,
        progress_meter,
    ):
        """The solve, with its own way back."""
        _check(solver, stepsize_controller, event, saveat, max_steps)
        y = init_state.y
        init_state = eqx.tree_at(lambda s: s.y, init_state, None)
        init_state = jtu.tree_map(_stopped, init_state)
        final, statistics = _solve(
            (y, args, terms, solver),
            stepsize_controller=stepsize_controller,
            event=event,
            saveat=saveat,
            t0=t0,
            t1=t1,
            dt0=dt0,
            max_steps=max_steps,
            throw=throw,
            init_state=init_state,
            passed_solver_state=passed_solver_state,
            passed_controller_state=passed_controller_state,
            progress_meter=progress_meter,
        )
        ys = final.save_state.ys
        final = eqxi.nondifferentiable_backward(final, symbolic=False)
        return eqx.tree_at(lambda s: s.save_state.ys, final, ys), statistics


def _check(solver, controller, event, saveat, max_steps) -> None:
    if type(solver) is not StepSolver:  # a solver around it passes for an instance in diffrax
        raise ValueError(
            f"InverseAdjoint runs as_solver(step) backwards, got {type(solver).__name__}"
        )
    check_invertible(solver.one_step)
    if not isinstance(controller, diffrax.ConstantStepSize | diffrax.StepTo):
        raise ValueError(
            "InverseAdjoint needs ConstantStepSize or StepTo, got " + type(controller).__name__
        )
    parts = saveat.subs
    single = isinstance(parts, diffrax.SubSaveAt)
    faults = {
        "an event": event is not None,
        "SaveAt(dense=True)": saveat.dense,
        "SaveAt(subs=...) of several parts": not single,
        "SaveAt(fn=...)": single and parts.fn is not diffrax.SubSaveAt(t1=True).fn,
        "max_steps=None": max_steps is None,
    }
    named = [fault for fault, present in faults.items() if present]
    if named:
        raise ValueError(
            f"InverseAdjoint has no way back through {' and '.join(named)}: "
            "RecursiveCheckpointAdjoint has one"
        )


def _stopped(leaf):
    return jax.lax.stop_gradient(leaf) if eqx.is_inexact_array(leaf) else leaf


@eqx.filter_custom_vjp
def _solve(varying, *, init_state, **settings):
    y, args, terms, solver = varying
    init_state = eqx.tree_at(lambda s: s.y, init_state, y, is_leaf=lambda leaf: leaf is None)
    return diffrax.ForwardMode().loop(
        args=args, terms=terms, solver=solver, init_state=init_state, **settings
    )


@_solve.def_fwd
def _solve_forward(perturbed, varying, **settings):
    final, statistics = _solve.fn(varying, **settings)
    saved = final.save_state
    kept = (final.y, final.num_steps, saved.ys, saved.save_index, saved.saveat_ts_index)
    return (final, statistics), kept


@_solve.def_bwd
def _solve_backward(kept, bars, perturbed, varying, *, saveat, t0, t1, dt0, **settings):
    del perturbed  # what is not asked for is dropped by JAX
    y1, count, ys, save_index, ts_index = kept
    y0, args, terms, solver = varying
    ys_bar = jtu.tree_map(
        lambda y, bar: jnp.zeros_like(y) if bar is None else bar, ys, bars[0].save_state.ys
    )
    controller, max_steps = settings["stepsize_controller"], settings["max_steps"]
    ends = _step_ends(t0, t1, dt0, controller, max_steps)
    starts = jnp.concatenate([t0[None], ends[:-1]])
    back = _WayBack(args, terms, solver, saveat.subs, starts, ends, ys_bar)
    y0_bar, args_bar, terms_bar, solver_bar = back(
        y1, y0, jnp.asarray(count), jnp.asarray(save_index) - 1, jnp.asarray(ts_index) - 1
    )
    return y0_bar, args_bar, terms_bar, solver_bar


def _step_ends(t0, t1, dt0, controller, max_steps):
    """The ends of all steps, as diffrax's own controller sets them: a solve of nothing."""
    return diffrax.diffeqsolve(
        diffrax.ODETerm(lambda t, y, args: y),
        diffrax.Euler(),
        t0,
        t1,
        dt0,
        jnp.zeros((), t0.dtype),
        saveat=diffrax.SaveAt(steps=True),
        stepsize_controller=controller,
        adjoint=diffrax.ForwardMode(),
        max_steps=max_steps,
        throw=False,
    ).ts


class _WayBack(eqx.Module):
    """From the last state to the first one, with the cotangents of all that varies."""

    args: object
    terms: object
    solver: StepSolver
    save: diffrax.SubSaveAt
    starts: jax.Array
    ends: jax.Array
    ys_bar: object

    def __call__(self, y1, y0, count, entry, place):
        """Cotangents of `(y0, args, terms, solver)`.

        `entry`, `place`: the last entry of the output and the last of `ts` that were saved.
        """
        view = self.solver.view(self.terms, self.starts[0], self.ends[0], y0)
        x = view.packing.pack(y1)
        x_bar = jnp.zeros_like(x)
        if self.save.t1 and self.save.steps != 1:
            last = self._lifted(view, x, entry)
            # every few steps: the last state may be among them
            apart = count % self.save.steps != 0 if self.save.steps else True
            x_bar, entry = x_bar + jnp.where(apart, last, 0), entry - 1
        model = (self.solver.one_step, view.field, self.args)
        model_bar = jtu.tree_map(jnp.zeros_like, eqx.filter(model, eqx.is_inexact_array))
        carry = (count - 1, x, x_bar, model_bar, entry, place)
        carry = jax.lax.while_loop(lambda carry: carry[0] >= 0, lambda c: self._undo(c), carry)
        _, x, x_bar, (step_bar, field_bar, args_bar), entry, _ = carry
        first = jtu.tree_map(lambda bar: _sum_to(bar, entry), self.ys_bar)
        x_bar = x_bar + _pull(view.packing.unpack, x, first)
        terms_bar, solver_bar = self._of_terms(y0, (step_bar, field_bar))
        return _pull(view.packing.pack, y0, x_bar), args_bar, terms_bar, solver_bar

    def _lifted(self, view, x, entry):
        """The cotangent of the state that was saved as `entry`."""
        bar = jtu.tree_map(lambda bar: bar[entry], self.ys_bar)
        return _pull(view.packing.unpack, x, bar)

    def _undo(self, carry):
        """One step back."""
        n, x1, x_bar, model_bar, entry, place = carry
        start, end = self.starts[n], self.ends[n]
        view = self.solver.view(self.terms, start, end, self._unpacked(x1))
        if self.save.steps:
            saved = (n + 1) % self.save.steps == 0
            x_bar = x_bar + jnp.where(saved, self._lifted(view, x1, entry), 0)
            entry = entry - jnp.where(saved, 1, 0)
        x0_bar = jnp.zeros_like(x_bar)
        if self.save.ts is not None:
            bars, entry, place = self._undo_output(view, n, x1, entry, place)
            x0_bar, more, model_more = bars
            x_bar = x_bar + more
            model_bar = jtu.tree_map(jnp.add, model_bar, model_more)
        step = self.solver.one_step
        x0, bars = undo_step(step, view.field, view.t, x1, view.h, self.args, x_bar)
        step_bar, field_bar, _, before, _, args_bar = bars
        model_bar = jtu.tree_map(jnp.add, model_bar, (step_bar, field_bar, args_bar))
        return n - 1, x0, x0_bar + before, model_bar, entry, place

    def _unpacked(self, x):
        """The state, of the structure of what is saved."""
        like = jtu.tree_map(lambda bar: bar[0], self.ys_bar)
        return self.solver.view(self.terms, self.starts[0], self.ends[0], like).packing.unpack(x)

    def _undo_output(self, view, n, x1, entry, place):
        """Cotangents of both ends of a step and of the model, by the output between them."""
        step, start, end, ts = self.solver.one_step, self.starts[n], self.ends[n], self.save.ts
        x0 = jax.lax.stop_gradient(
            step.inverse(view.field, view.t, x1, view.h, self.args)  # type: ignore[attr-defined]
        )
        varied, fixed = eqx.partition((step, view.field, self.args), eqx.is_inexact_array)

        def output(varied, x0, x1):
            step, field, args = eqx.combine(varied, fixed)
            return dense_output(step, view._replace(field=field), x0, x1, args)

        dense = jax.eval_shape(output, varied, x0, x1)
        dense = jtu.tree_map(lambda part: jnp.zeros(part.shape, part.dtype), dense)

        def inside(carry):
            _, _, place = carry
            return (place >= 0) & ((ts[place] > start) | (n == 0))

        def gather(carry):
            dense_bar, entry, place = carry

            def read(dense):
                return HermiteOutput(t0=start, t1=end, **dense).evaluate(ts[place])

            bar = jtu.tree_map(lambda bar: bar[entry], self.ys_bar)
            more = _pull(read, dense, bar)
            return jtu.tree_map(jnp.add, dense_bar, more), entry - 1, place - 1

        dense_bar, entry, after = jax.lax.while_loop(inside, gather, (dense, entry, place))

        def pulled():
            model_bar, x0_bar, x1_bar = jax.vjp(output, varied, x0, x1)[1](dense_bar)
            return x0_bar, x1_bar, model_bar

        def nothing():
            return jtu.tree_map(jnp.zeros_like, (x0, x1, varied))

        return jax.lax.cond(after < place, pulled, nothing), entry, after

    def _of_terms(self, y0, bars):
        """Cotangents of the terms and the solver, from those of the step and of the field."""
        varied, fixed = eqx.partition((self.terms, self.solver), eqx.is_inexact_array)

        def parts(varied):
            terms, solver = eqx.combine(varied, fixed)
            field = solver.view(terms, self.starts[0], self.ends[0], y0).field
            return eqx.filter((solver.one_step, field), eqx.is_inexact_array)

        return _pull(parts, varied, bars)


def _pull(function, x, bar):
    """The cotangent of `x`, from that of `function(x)`."""
    return jax.vjp(function, x)[1](bar)[0]


def _sum_to(bar, entry):
    """The sum of the entries up to the last one, itself included."""
    mask = jnp.arange(bar.shape[0]) <= entry
    return jnp.sum(jnp.where(mask.reshape(-1, *(1,) * (bar.ndim - 1)), bar, 0), axis=0)
