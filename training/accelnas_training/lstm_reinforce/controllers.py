"""LSTM controllers of several runs: sampling architectures, and the gradient of the policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from accelnas_training.lstm_reinforce.parameters import Layout, aligned_zeros

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from accelnas_training.lstm_reinforce.parameters import LstmSettings


class Controllers:
    """Autoregressive LSTM controllers, one a run, computed together.

    Each decision's input is the embedding of the choice before; a linear layer a variable turns the LSTM's output
    into log-probabilities. The gradient is written out rather than recorded: the weights' gradients are then one
    product over all decisions, and what was sampled need not be computed again.

    Parameters
    ----------
    rows : float32 Tensor (runs, layout.size)
        Parameters; they are used in place, and `rows.grad` is written.
    choices : sequence of int
        Number of choices of each variable, in the order of decisions.
    settings : LstmSettings
        Widths, episodes and the weight of the entropy.
    """

    def __init__(self, rows: Tensor, choices: Sequence[int], settings: LstmSettings) -> None:
        layout = Layout(choices, settings)
        self.rows = rows
        self.rows.grad = torch.zeros_like(rows)
        self.parameters = layout.views(rows)
        self._gradient = layout.views(self.rows.grad)
        self._choices = tuple(choices)
        self._settings = settings

        decisions = (len(rows), len(choices), settings.episodes)
        # what the gradient needs of the last sample; the axes are run, decision, episode, and what is named
        self._gates = aligned_zeros(rows, *decisions, 4 * settings.hidden)
        self._cells = aligned_zeros(rows, *decisions, settings.hidden)
        self._cell_tanh = aligned_zeros(rows, *decisions, settings.hidden)
        self._hidden = aligned_zeros(rows, *decisions, settings.hidden)
        self.probabilities = rows.new_zeros(*decisions, max(choices))
        self.log_probabilities = rows.new_zeros(*decisions, max(choices))
        self._picked = torch.zeros(decisions, dtype=torch.int64, device=rows.device)

    @torch.no_grad()
    def sample(self, uniforms: Tensor) -> Tensor:
        """Sample choice indices, int64 (runs, variables, episodes), by as many numbers in [0, 1), float32."""
        own, hidden, episodes = self.parameters, self._settings.hidden, self._settings.episodes
        runs, inputs = own.inputs.shape[:2]
        # the LSTM reads few different inputs: multiply each with the weights once
        read = torch.baddbmm((own.bias_ih + own.bias_hh).unsqueeze(1), own.inputs, own.weight_ih.mT)
        read = read.view(runs * inputs, 4 * hidden)
        first = torch.arange(0, runs * inputs, inputs, device=read.device).unsqueeze(1)
        row = first.expand(runs, episodes)
        for step, count in enumerate(self._choices):
            gates, cell = self._gates[:, step], self._cells[:, step]
            incoming = read.index_select(0, row.reshape(-1)).view(runs, episodes, 4 * hidden)
            if step == 0:
                gates.copy_(incoming)
            else:
                torch.baddbmm(incoming, self._hidden[:, step - 1], own.weight_hh.mT, out=gates)
            gates[..., : 2 * hidden].sigmoid_()
            gates[..., 2 * hidden : 3 * hidden].tanh_()
            gates[..., 3 * hidden :].sigmoid_()
            enter, forget, new, leave = gates.chunk(4, dim=-1)
            torch.mul(enter, new, out=cell)
            if step > 0:
                cell += forget * self._cells[:, step - 1]
            torch.tanh(cell, out=self._cell_tanh[:, step])
            torch.mul(leave, self._cell_tanh[:, step], out=self._hidden[:, step])

            bias, weight = own.head_bias[:, step, None, :count], own.head_weight[:, step, :count]
            logits = torch.baddbmm(bias, self._hidden[:, step], weight.mT)
            log_probabilities = logits.log_softmax(-1)
            probabilities = log_probabilities.exp()
            self.log_probabilities[:, step, :, :count] = log_probabilities
            self.probabilities[:, step, :, :count] = probabilities
            below = probabilities.cumsum(-1)[..., :-1] <= uniforms[:, step, :, None]
            picked = below.sum(-1)
            self._picked[:, step] = picked
            row = first + 1 + step * max(self._choices) + picked
        return self._picked

    @torch.no_grad()
    def backward(self, advantages: Tensor) -> None:
        """Write the loss's gradient for the last sample into ``rows.grad``.

        The loss of a run is the mean over its episodes of ``-advantage * log p(architecture) - weight * entropy``,
        where the entropy is the sum over decisions of each decision's own. Advantages, float32 (runs, episodes), are
        rewards less the baseline.
        """
        own, out, hidden = self.parameters, self._gradient, self._settings.hidden
        runs, steps, episodes, widest = self.probabilities.shape
        one_hot = torch.zeros_like(self.probabilities).scatter_(3, self._picked.unsqueeze(3), 1.0)
        logits = self._logits_gradient(advantages, one_hot)

        by_decision = logits.view(runs * steps, episodes, widest)
        outputs = self._hidden.reshape(runs * steps, episodes, hidden)
        out.head_weight.copy_(torch.bmm(by_decision.mT, outputs).view(runs, steps, widest, hidden))
        out.head_bias.copy_(logits.sum(2))
        head = own.head_weight.reshape(runs * steps, widest, hidden)
        gates = self._gates_gradient(torch.bmm(by_decision, head).view(runs, steps, episodes, hidden))

        # each gate's gradient, added up for each input that was read
        read = torch.zeros_like(own.inputs[..., :1]).repeat(1, 1, 4 * hidden)
        read[:, 0] = gates[:, 0].sum(1)
        if steps > 1:
            picked = one_hot[:, :-1].reshape(runs * (steps - 1), episodes, widest)
            later = gates[:, 1:].reshape(runs * (steps - 1), episodes, 4 * hidden)
            added = torch.bmm(picked.mT, later).view(runs, (steps - 1) * widest, 4 * hidden)
            read[:, 1 : 1 + (steps - 1) * widest] = added
            later = gates[:, 1:].reshape(runs, (steps - 1) * episodes, 4 * hidden)
            earlier = self._hidden[:, :-1].reshape(runs, (steps - 1) * episodes, hidden)
            torch.bmm(later.mT, earlier, out=out.weight_hh)
        torch.bmm(read, own.weight_ih, out=out.inputs)
        torch.bmm(read.mT, own.inputs, out=out.weight_ih)
        out.bias_ih.copy_(read.sum(1))
        out.bias_hh.copy_(out.bias_ih)

    def _logits_gradient(self, advantages: Tensor, one_hot: Tensor) -> Tensor:
        """Give the loss's gradient with respect to the logits (runs, decisions, episodes, choices)."""
        p, log_p = self.probabilities, self.log_probabilities
        entropy = -(p * log_p).sum(-1, keepdim=True)
        policy = (p - one_hot) * advantages[:, None, :, None]
        return (policy + self._settings.entropy_weight * (p * (log_p + entropy))) / self._settings.episodes

    def _gates_gradient(self, outputs: Tensor) -> Tensor:
        """Go back through the decisions, from the gradient of outputs to that of gates before they are squashed."""
        enter, forget, new, leave = self._gates.chunk(4, dim=-1)
        to_cell = leave * (1 - self._cell_tanh * self._cell_tanh)
        factors = aligned_zeros(outputs, *self._gates.shape)
        to_enter, to_forget, to_new, to_leave = factors.chunk(4, dim=-1)
        to_enter.copy_(new * enter * (1 - enter))
        to_forget[:, 1:] = self._cells[:, :-1] * (forget * (1 - forget))[:, 1:]
        to_new.copy_(enter * (1 - new * new))
        to_leave.copy_(self._cell_tanh * leave * (1 - leave))

        by_gate = factors.view(*factors.shape[:-1], 4, self._settings.hidden)
        cell = torch.zeros_like(outputs[:, 0])
        later = aligned_zeros(outputs, *cell.shape)
        for step in reversed(range(outputs.shape[1])):
            output = outputs[:, step]
            if step + 1 < outputs.shape[1]:
                output += torch.bmm(factors[:, step + 1], self.parameters.weight_hh, out=later)
            cell = cell + output * to_cell[:, step]
            by_gate[:, step, :, :3] *= cell.unsqueeze(2)
            to_leave[:, step] *= output
            cell = cell * forget[:, step]
        return factors
