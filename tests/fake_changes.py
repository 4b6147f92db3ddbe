"""What actions and faults do to the fake mesh, and which do not fit it."""

from dataclasses import replace

from marskit.domain.actions import (
    Action,
    Scale,
    SetOutlierDetection,
    SetRetries,
    SetTimeout,
    ShiftTraffic,
    describe,
)
from marskit.domain.config import Configuration
from marskit.domain.faults import LONGEST_DELAY_MS, ClearFaults, Delay, Fault, InjectErrors, SlowDown
from marskit.mesh.port import ActionError


def changed(configuration: Configuration, action: Action) -> Configuration:
    """The configuration after the action; raises ActionError when it does not fit."""
    match action:
        case Scale(workload, replicas):
            if workload not in dict(configuration.replicas):
                raise ActionError(f"There is no Deployment {workload}.")
            if replicas < 0:
                raise ActionError(f"replicas of {workload} must be 0 or more, not {replicas}")
            return replace(
                configuration,
                replicas=tuple((w, replicas if w == workload else n) for w, n in configuration.replicas),
            )
        case SetOutlierDetection(rule, outlier):
            if rule not in {each.destination_rule for each in configuration.outliers}:
                raise ActionError(f"DestinationRule {rule} does not exist.")
            outliers = tuple(
                replace(o, outlier_detection=outlier) if o.destination_rule == rule else o
                for o in configuration.outliers
            )
            return replace(configuration, outliers=outliers)
    try:
        old = configuration.route(action.virtual_service, action.route)
    except KeyError as error:
        raise ActionError(f"Route {error.args[0]} does not exist.") from error
    match action:
        case ShiftTraffic():
            weights = dict(action.weights_percent)
            names = [d.subset or d.service for d in old.destinations]
            if sorted(weights) != sorted(names) or min(weights.values()) < 0 or sum(weights.values()) != 100:
                raise ActionError(f"{describe(action)} does not fit the destinations {', '.join(names)}.")
            new = replace(
                old,
                destinations=tuple(
                    replace(d, weight_percent=weights[name])
                    for d, name in zip(old.destinations, names, strict=True)
                ),
            )
        case SetTimeout(timeout_ms=int(timeout_ms)) if timeout_ms < 1:
            raise ActionError(f"timeout of {old.label} must be 1 ms or more, not {timeout_ms}")
        case SetTimeout():
            new = replace(old, timeout_ms=action.timeout_ms)
        case SetRetries():
            new = replace(old, retries=action.retries)
    return replace(configuration, routes=tuple(new if r is old else r for r in configuration.routes))


def inverse(configuration: Configuration, action: Action) -> Action:
    """What takes the action back."""
    match action:
        case Scale(workload):
            return Scale(workload, configuration.replicas_of(workload))
        case ShiftTraffic(name, index):
            weights = configuration.route(name, index).destinations
            return ShiftTraffic(
                name, index, tuple((d.subset or d.service, d.weight_percent) for d in weights)
            )
        case SetTimeout(name, index):
            return SetTimeout(name, index, configuration.route(name, index).timeout_ms)
        case SetRetries(name, index):
            return SetRetries(name, index, configuration.route(name, index).retries)
        case SetOutlierDetection(rule):
            old = next(o for o in configuration.outliers if o.destination_rule == rule)
            return SetOutlierDetection(rule, old.outlier_detection)


def check_fault(configuration: Configuration, fault: Fault) -> None:
    """Raise ActionError when the fault does not fit."""
    names = sorted(dict(configuration.replicas))
    match fault:
        case ClearFaults():
            return
        case _ if fault.workload not in names:
            raise ActionError(f"{fault.workload!r} is not a workload; choose one of {', '.join(names)}")
        case SlowDown(factor=factor) if factor < 1:
            raise ActionError(f"the slow-down factor is {factor:g}; it must be at least 1")
        case InjectErrors(percent=percent) if not 0 <= percent <= 100:
            raise ActionError(f"the share of errors is {percent:g}%; it must be from 0 to 100")
        case Delay(delay_ms=delay_ms) if not 0 <= delay_ms <= LONGEST_DELAY_MS:
            raise ActionError(f"the delay is {delay_ms} ms; it must be from 0 to {LONGEST_DELAY_MS}")
        case _:
            return
