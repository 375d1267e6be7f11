"""One controller as a textbook has it, from PyTorch's modules and autograd: what the stacked ones are compared with."""

import torch
from torch import nn


class OneController(nn.Module):
    """The controller of one run, with the weights of `parameters`, the views of run `run`."""

    def __init__(self, parameters, run, choices):
        super().__init__()
        hidden, embedding = parameters.weight_hh.shape[2], parameters.inputs.shape[2]
        self.cell = nn.LSTMCell(embedding, hidden)
        self.start = nn.Parameter(torch.empty(1, embedding))
        self.embeddings = nn.ModuleList(nn.Embedding(count, embedding) for count in choices[:-1])
        self.heads = nn.ModuleList(nn.Linear(hidden, count) for count in choices)
        self.to(parameters.inputs.dtype)
        for own, given in self.pairs(parameters, run):
            own.data.copy_(given)

    def pairs(self, stacked, run):
        """Give each parameter beside its counterpart among the stacked ones, or among their gradients."""
        widest = stacked.head_bias.shape[2]
        yield self.start, stacked.inputs[run, :1]
        for step, table in enumerate(self.embeddings):
            first = 1 + step * widest
            yield table.weight, stacked.inputs[run, first : first + table.num_embeddings]
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            yield getattr(self.cell, name), getattr(stacked, name)[run]
        for step, head in enumerate(self.heads):
            yield head.weight, stacked.head_weight[run, step, : head.out_features]
            yield head.bias, stacked.head_bias[run, step, : head.out_features]

    def forward(self, picked=None, uniforms=None):
        """Follow choices (decisions, episodes), or sample them; give them with lists of log-probabilities."""
        sampled, log_probabilities, state = [], [], None
        episodes = (uniforms if picked is None else picked).shape[1]
        read = self.start.expand(episodes, -1)
        for step, head in enumerate(self.heads):
            state = self.cell(read, state)
            log_p = torch.log_softmax(head(state[0]), dim=-1)
            log_probabilities.append(log_p)
            if picked is None:
                above = log_p.detach().exp().cumsum(-1) > uniforms[step].unsqueeze(1)
                above[:, -1] = True
                choice = above.int().argmax(-1)
            else:
                choice = picked[step]
            sampled.append(choice)
            if step < len(self.embeddings):
                read = self.embeddings[step](choice)
        return torch.stack(sampled), log_probabilities

    def loss(self, picked, advantages, entropy_weight):
        """REINFORCE's loss, with an entropy bonus, of choices (decisions, episodes) and advantages (episodes)."""
        picked, log_probabilities = self(picked)
        log_p = sum(step.gather(1, own.unsqueeze(1))[:, 0] for step, own in zip(log_probabilities, picked, strict=True))
        entropy = sum(-(step.exp() * step).sum(-1) for step in log_probabilities)
        return -(advantages * log_p + entropy_weight * entropy).mean()
