"""Ways to find a better prompt. Each is one readable file; all of them act in the same `Environment`."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

from prl_hub.config import Config, PolicyConfig
from prl_hub.errors import ConfigError, did_you_mean
from prl_hub.parsing import parse
from prl_hub.policies.base import Options, Policy
from prl_hub.resolve import resolve

POLICIES = {
    "grpo": "prl_hub.policies.grpo:Grpo",
    "best_of_n": "prl_hub.policies.best_of_n:BestOfN",
    "ucb": "prl_hub.policies.bandits:Ucb",
    "thompson": "prl_hub.policies.bandits:Thompson",
}

__all__ = ["POLICIES", "Options", "Policy", "policy_and_options", "with_all_options"]


def policy_and_options(config: PolicyConfig) -> tuple[type[Policy], Any]:
    """The policy of a config and its checked options.

    An option that only other policies have is left aside, so that `policy.name=...` alone switches the method.

    Raises:
        ConfigError: no such policy, an option that no policy has, or a value of the wrong type.
    """
    policy = resolve(config.name, POLICIES, "policy")
    if not (isinstance(policy, type) and issubclass(policy, Policy)):
        raise ConfigError(f"policy '{config.name}' is not a subclass of prl_hub.policies.Policy")
    own = {field.name for field in dataclasses.fields(policy.Options)}
    for key in config.options:
        if key not in own | _options_of_all():
            raise ConfigError(f"unknown key 'policy.{key}': {did_you_mean(key, own)}")
    mine = {key: value for key, value in config.options.items() if key in own}
    options = parse(policy.Options, mine, "policy")
    options.check()
    return policy, options


def with_all_options(config: Config) -> Config:
    """The config with every option of its policy written out, defaults too; those of other policies are kept."""
    _, options = policy_and_options(config.policy)
    whole = {**config.policy.options, **dataclasses.asdict(options)}
    return dataclasses.replace(config, policy=PolicyConfig(config.policy.name, whole))


@cache
def _options_of_all() -> frozenset[str]:
    policies = [resolve(name, POLICIES, "policy") for name in POLICIES]
    return frozenset(field.name for policy in policies for field in dataclasses.fields(policy.Options))
