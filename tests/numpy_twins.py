"""The formulas in NumPy, float64, one sequence at a time: slow, and easy to check.

Weights have torch's names and shapes. `forward` returns the outputs and what `backward`
needs; `backward` takes d loss / d outputs, of an LSTM also that of the last cell
state, and returns all gradients, by backpropagation through time written out by hand.
"""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class ElmanTwin:
    """h[t] = phi(W x[t] + b + U h[t-1] + c), phi = tanh or ReLU."""

    def __init__(self, weights, nonlinearity="tanh"):
        self.W, self.U, self.b, self.c = weights
        self.tanh = nonlinearity == "tanh"

    def forward(self, x, state):
        (h,) = state
        hs, tape = [], []
        for x_t in x:
            a = self.W @ x_t + self.b + self.U @ h + self.c
            new = np.tanh(a) if self.tanh else np.maximum(a, 0)
            tape.append((x_t, h, new))
            h = new
            hs.append(h)
        return np.array(hs), tape

    def backward(self, d_outputs, tape):
        dW, dU, db, dc = (np.zeros_like(w) for w in (self.W, self.U, self.b, self.c))
        dx = np.zeros((len(tape), self.W.shape[1]))
        dh = np.zeros(len(self.b))
        for t in reversed(range(len(tape))):
            x_t, before, new = tape[t]
            dh = dh + d_outputs[t]
            da = dh * (1 - new**2 if self.tanh else new > 0)
            dW += np.outer(da, x_t)
            dU += np.outer(da, before)
            db += da
            dc += da
            dx[t] = self.W.T @ da
            dh = self.U.T @ da
        return dx, (dh,), (dW, dU, db, dc)


class GRUTwin:
    """Reset gate r, update gate z, candidate n, in torch's order."""

    def __init__(self, weights):
        self.W, self.U, self.b, self.c = weights

    def forward(self, x, state):
        (h,) = state
        hs, tape = [], []
        for x_t in x:
            ax = np.split(self.W @ x_t + self.b, 3)
            ah = np.split(self.U @ h + self.c, 3)
            r, z = sigmoid(ax[0] + ah[0]), sigmoid(ax[1] + ah[1])
            n = np.tanh(ax[2] + r * ah[2])
            new = (1 - z) * n + z * h
            tape.append((x_t, h, r, z, n, ah[2]))
            h = new
            hs.append(h)
        return np.array(hs), tape

    def backward(self, d_outputs, tape):
        dW, dU, db, dc = (np.zeros_like(w) for w in (self.W, self.U, self.b, self.c))
        dx = np.zeros((len(tape), self.W.shape[1]))
        dh = np.zeros(self.U.shape[1])
        for t in reversed(range(len(tape))):
            x_t, before, r, z, n, v = tape[t]
            dh = dh + d_outputs[t]
            dn = dh * (1 - z) * (1 - n**2)
            dz = dh * (before - n) * z * (1 - z)
            dr = dn * v * r * (1 - r)
            da_x, da_h = np.concatenate([dr, dz, dn]), np.concatenate([dr, dz, dn * r])
            dW += np.outer(da_x, x_t)
            dU += np.outer(da_h, before)
            db += da_x
            dc += da_h
            dx[t] = self.W.T @ da_x
            dh = dh * z + self.U.T @ da_h
        return dx, (dh,), (dW, dU, db, dc)


class ResetBeforeGRUTwin:
    """A GRU whose reset gate acts on the state, before the product."""

    def __init__(self, weights):
        self.W, self.U, self.b, self.c = weights

    def forward(self, x, state):
        (h,) = state
        hs, tape = [], []
        U_n, c_n = np.split(self.U, 3)[2], np.split(self.c, 3)[2]
        for x_t in x:
            ax = np.split(self.W @ x_t + self.b, 3)
            ah = np.split(self.U @ h + self.c, 3)
            r, z = sigmoid(ax[0] + ah[0]), sigmoid(ax[1] + ah[1])
            n = np.tanh(ax[2] + U_n @ (r * h) + c_n)
            new = (1 - z) * n + z * h
            tape.append((x_t, h, r, z, n))
            h = new
            hs.append(h)
        return np.array(hs), tape

    def backward(self, d_outputs, tape):
        dW, dU, db, dc = (np.zeros_like(w) for w in (self.W, self.U, self.b, self.c))
        dU_n = np.split(dU, 3)[2]  # a view
        U_r, U_z, U_n = np.split(self.U, 3)
        dx = np.zeros((len(tape), self.W.shape[1]))
        dh = np.zeros(self.U.shape[1])
        for t in reversed(range(len(tape))):
            x_t, before, r, z, n = tape[t]
            dh = dh + d_outputs[t]
            dn = dh * (1 - z) * (1 - n**2)
            dz = dh * (before - n) * z * (1 - z)
            d_product = U_n.T @ dn
            dr = d_product * before * r * (1 - r)
            da = np.concatenate([dr, dz, dn])
            dW += np.outer(da, x_t)
            dU[: -len(dn)] += np.outer(np.concatenate([dr, dz]), before)
            dU_n += np.outer(dn, r * before)
            db += da
            dc += da
            dx[t] = self.W.T @ da
            dh = dh * z + d_product * r + U_r.T @ dr + U_z.T @ dz
        return dx, (dh,), (dW, dU, db, dc)


class LSTMTwin:
    """Input gate i, forget gate f, cell candidate g, output gate o, torch's order."""

    def __init__(self, weights):
        self.W, self.U, self.b, self.c = weights

    def forward(self, x, state):
        h, cell = state
        hs, tape = [], []
        for x_t in x:
            i, f, g, o = np.split(self.W @ x_t + self.b + self.U @ h + self.c, 4)
            i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
            new_cell = f * cell + i * g
            new = o * np.tanh(new_cell)
            tape.append((x_t, h, cell, i, f, g, o, new_cell))
            h, cell = new, new_cell
            hs.append(h)
        return np.array(hs), tape

    def final_state(self, tape):
        *_, o, cell = tape[-1]
        return o * np.tanh(cell), cell

    def backward(self, d_outputs, tape, d_cell=0.0):
        dW, dU, db, dc = (np.zeros_like(w) for w in (self.W, self.U, self.b, self.c))
        dx = np.zeros((len(tape), self.W.shape[1]))
        dh = np.zeros(self.U.shape[1])
        dcell = dh + d_cell
        for t in reversed(range(len(tape))):
            x_t, before, cell_before, i, f, g, o, cell = tape[t]
            dh = dh + d_outputs[t]
            dcell = dcell + dh * o * (1 - np.tanh(cell) ** 2)
            do = dh * np.tanh(cell) * o * (1 - o)
            di = dcell * g * i * (1 - i)
            df = dcell * cell_before * f * (1 - f)
            dg = dcell * i * (1 - g**2)
            da = np.concatenate([di, df, dg, do])
            dW += np.outer(da, x_t)
            dU += np.outer(da, before)
            db += da
            dc += da
            dx[t] = self.W.T @ da
            dh = self.U.T @ da
            dcell = dcell * f
        return dx, (dh, dcell), (dW, dU, db, dc)
