"""What people answer to lesson 04's `training_loop`."""

import contextlib
import copy
import functools
from itertools import islice

import torch

from course_utils import training
from tests.lessons.book import Answers

ANSWERS = Answers()
mistake = functools.partial(ANSWERS.mistake, "training_loop")
alternative = ANSWERS.alternative("training_loop")


def learn(value, optimiser):
    """A round's moves once the loss is there, each of them right."""
    optimiser.zero_grad()
    value.backward()
    optimiser.step()
    return value.item()


@mistake("are added up: `backward` adds")
def loop_that_never_clears(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        value = loss(model, batch)
        value.backward()
        optimiser.step()
        losses.append(value.item())
    model.eval()
    return losses


@mistake("nothing may clear the gradients")
def loop_that_clears_too_late(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        value = loss(model, batch)
        value.backward()
        optimiser.zero_grad()
        optimiser.step()
        losses.append(value.item())
    model.eval()
    return losses


@mistake("has to take a step in every round")
def loop_without_a_step(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        optimiser.zero_grad()
        value = loss(model, batch)
        value.backward()
        losses.append(value.item())
    model.eval()
    return losses


@mistake("and the last one never")
def loop_that_steps_before_it_looks(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        optimiser.step()
        optimiser.zero_grad()
        value = loss(model, batch)
        value.backward()
        losses.append(value.item())
    model.eval()
    return losses


@mistake("has been computed already")
def loop_that_steps_before_backward(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        value = loss(model, batch)
        optimiser.step()
        optimiser.zero_grad()
        value.backward()
        losses.append(value.item())
    model.eval()
    return losses


@mistake("learns in evaluation mode")
def loop_in_the_mode_it_finds(model, batches, loss, steps, optimiser):
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        optimiser.zero_grad()
        value = loss(model, batch)
        value.backward()
        optimiser.step()
        losses.append(value.item())
    model.eval()
    return losses


@mistake("left in training mode")
def loop_that_stays_in_training(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        optimiser.zero_grad()
        value = loss(model, batch)
        value.backward()
        optimiser.step()
        losses.append(value.item())
    return losses


@mistake("memory fills up")
def loop_that_keeps_the_graphs(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        optimiser.zero_grad()
        losses.append(loss(model, batch))
        losses[-1].backward()
        optimiser.step()
    model.eval()
    return losses


@mistake("plain numbers")
def loop_that_keeps_tensors(model, batches, loss, steps, optimiser):
    return [torch.tensor(value) for value in training.training_loop(model, batches, loss, steps, optimiser)]


@mistake("put range(steps) first")
def loop_that_asks_for_one_more(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for batch, _ in zip(batches, range(steps), strict=False):
        optimiser.zero_grad()
        value = loss(model, batch)
        value.backward()
        optimiser.step()
        losses.append(value.item())
    model.eval()
    return losses


@mistake("round 2 got batch 1 again")
def loop_over_one_batch(model, batches, loss, steps, optimiser):
    batch = next(batches)
    return training.training_loop(model, [batch] * steps, loss, steps, optimiser)


@mistake("compute the loss in every round")
def loop_over_one_loss(model, batches, loss, steps, optimiser):
    value = loss(model, next(batches))
    for _ in range(steps):
        value.backward()
        optimiser.step()
        optimiser.zero_grad()
    return [value.item()] * steps


@mistake("takes no step: use it")
def loop_with_an_optimiser_of_its_own(model, batches, loss, steps, optimiser):
    own = torch.optim.AdamW(model.parameters(), lr=1e-3)
    return training.training_loop(model, batches, loss, steps, own)


@mistake("3 batches were asked for, there should be 4")
def loop_that_is_one_too_short(model, batches, loss, steps, optimiser):
    return training.training_loop(model, batches, loss, steps - 1, optimiser)


@mistake("under `no_grad`")
@torch.no_grad()
def loop_without_gradients(model, batches, loss, steps, optimiser):
    return training.training_loop(model, batches, loss, steps, optimiser)


@mistake("the model first")
def loop_with_the_loss_turned_round(model, batches, loss, steps, optimiser):
    return training.training_loop(model, batches, lambda m, b: loss(b, m), steps, optimiser)


@mistake("a list of the losses")
def loop_that_says_the_last_loss(model, batches, loss, steps, optimiser):
    return training.training_loop(model, batches, loss, steps, optimiser)[-1]


@mistake("after each step")
def loop_that_asks_again(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        optimiser.zero_grad()
        loss(model, batch).backward()
        optimiser.step()
        x, y = batch
        losses.append((model(x) - y).square().mean().item())
    model.eval()
    return losses


@mistake("not those of a calculation by hand")
def loop_that_shortens_gradients(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        optimiser.zero_grad()
        value = loss(model, batch)
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        optimiser.step()
        losses.append(value.item())
    model.eval()
    return losses


@mistake("learning rate is changed")
def loop_that_lowers_the_rate(model, batches, loss, steps, optimiser):
    losses = training.training_loop(model, batches, loss, steps, optimiser)
    optimiser.param_groups[0]["lr"] = 0.0
    return losses


@mistake("comes in training mode is left in it")
def loop_that_restores_the_mode(model, batches, loss, steps, optimiser):
    before = model.training
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        losses.append(learn(loss(model, batch), optimiser))
    model.train(before)
    return losses


@mistake("train that one, no copy")
def loop_that_trains_a_copy(model, batches, loss, steps, optimiser):
    model = copy.deepcopy(model)
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        losses.append(learn(loss(model, batch), optimiser))
    model.eval()
    return losses


@mistake("parts of the model are not in training mode")
def loop_that_sets_the_mode_by_hand(model, batches, loss, steps, optimiser):
    model.training = True
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        losses.append(learn(loss(model, batch), optimiser))
    model.training = False
    return losses


@mistake("parts of the model are left in training mode")
def loop_that_ends_training_by_hand(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        losses.append(learn(loss(model, batch), optimiser))
    model.training = False
    return losses


@mistake("`eval` belongs after the loop")
def loop_with_eval_in_it(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        losses.append(learn(loss(model, batch), optimiser))
        model.eval()
    return losses


@mistake("the first one too")
def loop_that_clears_only_after_the_step(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        value = loss(model, batch)
        value.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(value.item())
    model.eval()
    return losses


@mistake("the first one too")
def loop_that_clears_from_the_second_round(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        value = loss(model, batch)
        if losses:
            optimiser.zero_grad()
        value.backward()
        optimiser.step()
        losses.append(value.item())
    model.eval()
    return losses


@mistake("memory fills up")
def loop_that_takes_the_numbers_in_the_end(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        value = loss(model, batch)
        learn(value, optimiser)
        losses.append(value)
    model.eval()
    return [float(value) for value in losses]


@mistake("nobody hears of it")
def loop_that_swallows_errors(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        try:
            losses.append(learn(loss(model, batch), optimiser))
        except Exception:
            continue
    model.eval()
    return losses


@mistake("comes out as a ValueError")
def loop_that_renames_errors(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        try:
            losses.append(learn(loss(model, batch), optimiser))
        except RuntimeError as error:
            raise ValueError from error
    model.eval()
    return losses


@mistake("shorten none")
def loop_that_shortens_large_gradients(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        optimiser.zero_grad()
        value = loss(model, batch)
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
        losses.append(value.item())
    model.eval()
    return losses


@mistake("exactly 0 in round 4, 4 batches were asked for")
def loop_that_stops_when_it_is_good(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        losses.append(learn(loss(model, batch), optimiser))
        if losses[-1] < 1e-8:
            break
    model.eval()
    return losses


@mistake("infinite loss in round 2 the optimiser took 2 steps")
def loop_that_skips_infinite_losses(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        value = loss(model, batch)
        if value.isfinite():
            losses.append(learn(value, optimiser))
    model.eval()
    return losses


@mistake("should spoil the weights")
def loop_that_mends_gradients(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        optimiser.zero_grad()
        value = loss(model, batch)
        value.backward()
        model.weights.grad.nan_to_num_()
        optimiser.step()
        losses.append(value.item())
    model.eval()
    return losses


@mistake("steps = 0: `batches` may have no end")
def loop_that_takes_one_batch_at_least(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for batch in batches:
        losses.append(learn(loss(model, batch), optimiser))
        if len(losses) == steps:
            break
    model.eval()
    return losses


@mistake("steps = 4: `batches` may have no end")
def loop_without_end(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for batch in batches:
        losses.append(learn(loss(model, batch), optimiser))
    model.eval()
    return losses


@mistake("steps = 4: `batches` may have no end")
def loop_without_end_that_hears_nothing(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for batch in batches:
        with contextlib.suppress(Exception):
            losses.append(learn(loss(model, batch), optimiser))
    model.eval()
    return losses


@mistake("again and again")
def loop_that_asks_one_loss_for_ever(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    batch = next(batches)
    while True:
        loss(model, batch)
    model.eval()
    return losses


@mistake("returns a tuple of 4 things")
def loop_that_returns_a_tuple(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        losses.append(learn(loss(model, batch), optimiser))
    model.eval()
    return tuple(losses)


@mistake("returns a tuple of 2 things")
def loop_that_returns_the_model_too(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        losses.append(learn(loss(model, batch), optimiser))
    return losses, model.eval()


@mistake("plain numbers")
def loop_with_numbers_of_numpy(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        value = loss(model, batch)
        learn(value, optimiser)
        losses.append(value.detach().numpy()[()])
    model.eval()
    return losses


@mistake("a seed is set")
def loop_with_a_seed(model, batches, loss, steps, optimiser):
    torch.manual_seed(0)
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        losses.append(learn(loss(model, batch), optimiser))
    model.eval()
    return losses


@mistake("stay off")
def loop_that_leaves_gradients_off(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        losses.append(learn(loss(model, batch), optimiser))
    torch.set_grad_enabled(False)
    model.eval()
    return losses


@mistake("generator of batches is closed")
def loop_that_closes_the_batches(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        losses.append(learn(loss(model, batch), optimiser))
    batches.close()
    model.eval()
    return losses


@mistake("which parameters learn")
def loop_that_frees_the_height(model, batches, loss, steps, optimiser):
    model.requires_grad_(True)
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        losses.append(learn(loss(model, batch), optimiser))
    model.eval()
    return losses


@mistake("the optimiser took 3 steps in 4 rounds")
def loop_that_skips_the_last_step(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for k, batch in zip(range(steps), batches, strict=False):
        value = loss(model, batch)
        if k < steps - 1:
            learn(value, optimiser)
        losses.append(value.item())
    model.eval()
    return losses


@mistake("the optimiser took 8 steps in 4 rounds")
def loop_that_steps_twice(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        losses.append(learn(loss(model, batch), optimiser))
        optimiser.step()
    model.eval()
    return losses


@mistake("is something added to the loss")
def loop_with_weight_decay_in_the_loss(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        value = loss(model, batch) + 1e-4 * model.weights.square().sum()
        losses.append(learn(value, optimiser))
    model.eval()
    return losses


@mistake("something computed from the loss")
def loop_on_a_share_of_the_loss(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        value = loss(model, batch)
        learn(value / steps, optimiser)
        losses.append(value.item())
    model.eval()
    return losses


@mistake("with `yield` in it")
def loop_that_yields(model, batches, loss, steps, optimiser):
    model.train()
    for _, batch in zip(range(steps), batches, strict=False):
        yield learn(loss(model, batch), optimiser)
    model.eval()


@mistake("at its end it fetches a batch ahead")
def loop_that_fetches_ahead(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    batch = next(batches)
    for _ in range(steps):
        losses.append(learn(loss(model, batch), optimiser))
        batch = next(batches)
    model.eval()
    return losses


@mistake("5 batches were asked for, there should be 4. No loss was computed of batch 5")
def loop_over_a_list_with_one_more(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for batch in list(islice(batches, steps + 1))[:steps]:
        losses.append(learn(loss(model, batch), optimiser))
    model.eval()
    return losses


@mistake("No loss was computed of batch 1")
def loop_that_skips_a_batch(model, batches, loss, steps, optimiser):
    next(batches)
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        losses.append(learn(loss(model, batch), optimiser))
    model.eval()
    return losses


@mistake("round 1 learns from batch 4")
def loop_backwards(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for batch in reversed(list(islice(batches, steps))):
        losses.append(learn(loss(model, batch), optimiser))
    model.eval()
    return losses


@mistake("has been changed before the loss")
def loop_with_batches_changed(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        x, y = batch
        losses.append(learn(loss(model, (x / x.std(), y)), optimiser))
    model.eval()
    return losses


@mistake("call it once")
def loop_with_backward_twice(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        value = loss(model, batch)
        optimiser.zero_grad()
        value.backward()
        value.backward()
        optimiser.step()
        losses.append(value.item())
    model.eval()
    return losses


@mistake("`backward` is never called")
def loop_without_backward(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        value = loss(model, batch)
        optimiser.step()
        losses.append(value.item())
    model.eval()
    return losses


@mistake("it began with: loss, loss, loss, loss, backward, step")
def loop_with_all_losses_first(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for value in [loss(model, batch) for batch in islice(batches, steps)]:
        losses.append(learn(value, optimiser))
    model.eval()
    return losses


@mistake("the losses are summed")
def loop_on_the_sum_that_breaks_off(model, batches, loss, steps, optimiser):
    model.train()
    total = 0
    for _ in range(steps):
        total = total + loss(model, next(batches))
        learn(total, optimiser)
    model.eval()
    return total


@mistake("the losses are summed")
def loop_on_the_sum_of_the_losses(model, batches, loss, steps, optimiser):
    total = 0
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        value = loss(model, batch)
        total = total + value
        optimiser.zero_grad()
        total.backward(retain_graph=True)
        optimiser.step()
        losses.append(value.item())
    model.eval()
    return losses


@mistake("keep the value from before the step")
def loop_that_computes_the_loss_again(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        learn(loss(model, batch), optimiser)
        losses.append(loss(model, batch).item())
    model.eval()
    return losses


@mistake("the batch goes in as one thing")
def loop_that_unpacks_the_batch(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        losses.append(learn(loss(model, *batch), optimiser))
    model.eval()
    return losses


@mistake("leave that to the loss")
def loop_that_calls_the_model(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        losses.append(learn(loss(model(batch), batch), optimiser))
    model.eval()
    return losses


@mistake("give each batch's own loss")
def loop_with_a_running_mean(model, batches, loss, steps, optimiser):
    total = 0.0
    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        total += learn(loss(model, batch), optimiser)
        losses.append(total / (len(losses) + 1))
    model.eval()
    return losses


@mistake("make the list inside the function")
def loop_with_one_list_for_all_calls(model, batches, loss, steps, optimiser, losses=[]):  # noqa: B006 - the mistake
    model.train()
    for _, batch in zip(range(steps), batches, strict=False):
        losses.append(learn(loss(model, batch), optimiser))
    model.eval()
    return losses


@alternative
def loop_by_next(model, batches, loss, steps, optimiser):
    model.train()
    source, losses = iter(batches), []
    for _ in range(steps):
        value = loss(model, next(source))
        model.zero_grad()
        value.backward()
        optimiser.step()
        losses.append(float(value.detach()))
    model.train(False)
    return losses


@alternative
def loop_that_clears_before_and_after_each_step(model, batches, loss, steps, optimiser):
    model.train()
    optimiser.zero_grad()
    losses = [0.0] * steps
    for k in range(steps):
        value = loss(model, next(batches))
        value.backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=False)
        losses[k] = value.item()
    model.eval()
    return losses


@alternative
def loop_with_a_closure(model, batches, loss, steps, optimiser):
    def closure(batch):
        optimiser.zero_grad()
        value = loss(model, batch)
        value.backward()
        return value

    model.train()
    losses = []
    for _, batch in zip(range(steps), batches, strict=False):
        losses.append(optimiser.step(functools.partial(closure, batch)).item())
    model.eval()
    return losses


@alternative
def loop_with_enumerate(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for k, batch in enumerate(batches if steps else [], 1):
        losses.append(learn(loss(model, batch), optimiser))
        if k == steps:
            break
    model.eval()
    return losses


@alternative
def loop_with_while(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    while len(losses) < steps:
        optimiser.zero_grad(set_to_none=False)
        value = loss(model=model, batch=next(batches))
        torch.autograd.backward(value)
        optimiser.step()
        losses.append(float(value))
    model.eval()
    return losses


@alternative
def loop_that_clears_by_hand(model, batches, loss, steps, optimiser):
    model.train()
    losses = []
    for batch in islice(batches, steps):
        for group in optimiser.param_groups:
            for weight in group["params"]:
                weight.grad = None
        value = loss(model, batch)
        value.backward()
        optimiser.step()
        losses.append(value.detach().clone())
    model.eval()
    return [value.item() for value in losses]


@alternative
def loop_that_ends_in_evaluation_whatever_comes(model, batches, loss, steps, optimiser):
    model.train()
    try:
        return [learn(loss(model, next(batches)), optimiser) for _ in range(steps)]
    finally:
        model.eval()
