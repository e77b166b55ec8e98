"""What others write for the same task: a PyTorch training loop, diffrax's symplectic solver."""

import importlib

import diffrax
import jax
import jax.numpy as jnp

from benchmarks.harness import MissingData


def torch(threads: int = 2):
    """PyTorch with a fixed number of threads, or `MissingData` where it is not installed."""
    try:
        module = importlib.import_module("torch")
    except ImportError:
        raise MissingData("PyTorch is not installed: pip install 'dynnets[benchmarks]'") from None
    module.set_num_threads(threads)
    return module


def torch_hnn(torch, x, dx, width: int, steps: int):
    """A closure of `steps` Adam updates of an HNN in PyTorch, full batch.

    The usual program: `autograd.grad` with `create_graph` for the field, one backward pass.
    """
    net = torch.nn.Sequential(
        torch.nn.Linear(x.shape[1], width),
        torch.nn.Tanh(),
        torch.nn.Linear(width, width),
        torch.nn.Tanh(),
        torch.nn.Linear(width, 1, bias=False),
    )
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    inputs = torch.tensor(x, requires_grad=True)
    targets, half = torch.tensor(dx), x.shape[1] // 2

    def train():
        for _ in range(steps):
            optimiser.zero_grad()
            (gradient,) = torch.autograd.grad(net(inputs).sum(), inputs, create_graph=True)
            field = torch.cat([gradient[:, half:], -gradient[:, :half]], dim=1)
            torch.nn.functional.mse_loss(field, targets).backward()
            optimiser.step()

    return train


def _solve(drift, kick, q, p, h: float, steps: int):
    """`(q, p)` at all steps by diffrax's SemiImplicitEuler."""
    return diffrax.diffeqsolve(
        (diffrax.ODETerm(drift), diffrax.ODETerm(kick)),
        diffrax.SemiImplicitEuler(),
        0.0,
        h * steps,
        h,
        (q, p),
        saveat=diffrax.SaveAt(t0=True, steps=True),
        max_steps=steps,
    ).ys


def diffrax_euler(field, x0, h: float, steps: int):
    """The energies of `field` under `jax.grad`, one trajectory vmapped over the last axis of x0."""

    def drift(t, p, args):
        return jax.grad(lambda p: field.kinetic(t, p))(p)

    def kick(t, q, args):
        return -jax.grad(lambda q: field.potential(t, q))(q)

    q, p = jnp.split(x0, 2)
    states = jax.vmap(lambda q, p: _solve(drift, kick, q, p, h, steps), in_axes=-1)(q, p)
    return jnp.concatenate(states, axis=-1)


def diffrax_euler_own_field(field, x0, h: float, steps: int):
    """diffrax's loop around our features-first closed-form `drift` and `kick`."""
    q, p = _solve(field.drift, field.kick, *jnp.split(x0, 2), h, steps)
    return jnp.concatenate([q, p], axis=1)
