"""SympFlow's training step as it is written in PyTorch: `vmap` of `jacrev` for every block."""


def _potential(torch, dim: int, width: int):
    nn = torch.nn
    return nn.Sequential(
        nn.Linear(dim + 1, width), nn.Tanh(),
        nn.Linear(width, width), nn.Tanh(),
        nn.Linear(width, 1, bias=False),
    )  # fmt: skip


def _value(torch, net, t, q):
    """`V(t, q)` of one sample, a scalar."""
    return net(torch.cat([t.reshape(1), q]))[0]


def _slope(torch, net, t, q):
    return torch.func.jacrev(lambda q: _value(torch, net, t, q))(q)


def _rate(torch, net, t, q):
    return torch.func.jacrev(lambda t: _value(torch, net, t, q))(t)


def _impulse(torch, net, t, q):
    return _slope(torch, net, t, q) - _slope(torch, net, torch.zeros_like(t), q)


def _flow(torch, blocks, t, x):
    """`N(t, x0)` of one sample."""
    q, p = torch.chunk(x, 2)
    for potential, kinetic in blocks:
        p = p - _impulse(torch, potential, t, q)
        q = q + _impulse(torch, kinetic, t, p)
    return torch.cat([q, p])


def _hamiltonian(torch, blocks, t, x):
    """`H(N)(t, x)` of one sample: blocks undone from the last to the first."""
    q, p = torch.chunk(x, 2)
    total = torch.zeros_like(t)
    for potential, kinetic in reversed(list(blocks)):
        total = total + _rate(torch, kinetic, t, p)
        q = q - _impulse(torch, kinetic, t, p)
        total = total + _rate(torch, potential, t, q)
        p = p + _impulse(torch, potential, t, q)
    return total


def torch_sympflow(torch, field, energy, dim: int, width: int, layers: int, points: int, steps):
    """A closure of `steps` Adam updates of a SympFlow on residual and matching, fresh points.

    `field`, `energy`: the truth as functions of `(N, dim)`; points uniform in `[-1, 1]^dim`, times
    in `[-0.1, 1]`. Gradients of the potentials by `jacrev`, the time derivative of the map by
    `jacfwd`, samples by `vmap`.
    """
    half = dim // 2
    nets = [[_potential(torch, half, width) for _ in range(2)] for _ in range(layers)]
    blocks = torch.nn.ModuleList([torch.nn.ModuleList(pair) for pair in nets])
    offset = torch.zeros((), requires_grad=True)
    everything = [*blocks.parameters(), offset]
    optimiser = torch.optim.Adam(everything, lr=5e-3)
    func = torch.func

    def draw():
        return 1.1 * torch.rand(points) - 0.1, 2 * torch.rand(points, dim) - 1

    def both(t, x0):
        flow = lambda t: (_flow(torch, blocks, t, x0),) * 2  # noqa: E731
        rate, value = func.jacfwd(flow, has_aux=True)(t)
        return value, rate

    def train():
        for _ in range(steps):
            optimiser.zero_grad()
            t, x0 = draw()
            x, rate = func.vmap(both)(t, x0)
            loss = torch.mean((rate - field(x)) ** 2)
            t, x = draw()
            own = func.vmap(lambda t, x: _hamiltonian(torch, blocks, t, x))(t, x) + offset
            loss = loss + torch.mean((own - energy(x)) ** 2)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(everything, 1.0)
            optimiser.step()
        return loss.item()

    return train
