"""A world, hour by hour: what happens, what the house does about it, what must hold."""

import time as stopwatch
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from autonomy import switchboard
from autonomy.errors import AutonomyError
from autonomy.rules.switches import Scope
from autonomy.switchboard import Wanted
from config.celery import app
from config.schedule import TICKS
from config.worlds import laws
from config.worlds.broker import Broker
from config.worlds.faults import CALM, STORM, Fate, lot_of
from config.worlds.ground import ground
from config.worlds.laws import Broken
from config.worlds.peer import Peer, peer
from config.worlds.people import House, settle_in
from config.worlds.time import VirtualTime, virtual_time
from ledger.clock import clock
from ledger.record import Actor
from ledger.scope import tenant_scope

HOUR = timedelta(hours=1)
# Monday morning, some days after today: before that a world has no past.
STARTS_AT = 6
BY = Actor(type="person", id="simulation")
# The broker of a world does what these two do.
SENDERS = frozenset({"operate.relay", "operate.send_pulls"})
# How often an hour brings a switch, and how many hours it stays on.
SWITCH, SWITCHED_FOR = 0.01, (1, 12)
# After the last day: so many minutes without faults, until nothing is under way.
DRAINED_BY = 240
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What world somebody wants to see."""

    tenants: int
    accounts: int
    days: int
    seed: int
    faults: bool = False
    # Signals of each account in a day.
    a_day: float = 0.5


@dataclass(frozen=True, kw_only=True)
class World:
    """Everything that lives, and where it stands."""

    asked: Asked
    time: VirtualTime
    began: datetime
    broker: Broker
    peer: Peer
    houses: list[House]
    switches: list[tuple[datetime, House, Any]] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    heard: list[tuple[str, int]] = field(default_factory=list)
    ticked: dict[str, datetime] = field(default_factory=dict)


@contextmanager
def lived(asked: Asked, say: Callable[[str], None] = lambda _: None) -> Iterator[World]:
    """A world after its days; it is gone when this is left."""
    lot = lot_of(asked.seed)
    odds = STORM if asked.faults else CALM
    fate = Fate(odds=odds, lot=lot_of(lot.random()))
    app.loader.import_default_modules()
    with ground(), virtual_time() as time, peer(fate) as there:
        time.move_to(_monday(clock()))
        houses = settle_in(
            tenants=asked.tenants,
            accounts=asked.accounts,
            a_day=asked.a_day,
            lot=lot,
            peer=there,
            now=clock(),
        )
        world = World(
            asked=asked,
            time=time,
            began=clock(),
            broker=Broker(fate=fate),
            peer=there,
            houses=houses,
        )
        for day in range(asked.days):
            began = stopwatch.monotonic()
            _day(world)
            took = stopwatch.monotonic() - began
            say(f"day {day + 1} of {asked.days}: {took:.1f} s")
        _drain(world)
        yield world


def _monday(now: datetime) -> datetime:
    ahead = timedelta(days=7 - now.weekday())
    return (now + ahead).replace(hour=STARTS_AT, minute=0, second=0, microsecond=0)


def _day(world: World) -> None:
    left, fate, heard = 24, world.broker.fate, 0
    while left > 0:
        hours = min(left, 1 + fate.hours_asleep())
        left -= hours
        world.time.pass_(hours * HOUR)
        heard += sum(house.hear(hours) for house in world.houses)
        _switch(world)
        _work(world)
        for house in world.houses:
            house.work()
        world.broker.settle()
        world.broken.extend(laws.look(laws.ALWAYS))
        world.broken.extend(laws.look_at_peer(world.peer, is_over=False))
    world.heard.append((clock().date().isoformat(), heard))
    world.broken.extend(laws.look_at_ledger([each.tenant for each in world.houses]))


def _work(world: World) -> None:
    """What is sent, and every tick of the timetable whose time has come."""
    world.broker.settle()
    now = clock()
    for name, (task, seconds) in TICKS.items():
        last = world.ticked.get(name)
        if task in SENDERS or (last and now - last < timedelta(seconds=seconds)):
            continue
        world.ticked[name] = now
        with world.broker.cpu_of("beat"):
            world.broker.do(app.tasks[task])
    world.broker.settle()


def _switch(world: World) -> None:
    """Somebody stops a tenant now and then, and lets it go on some hours later."""
    now, lot = clock(), world.broker.fate.lot
    for each in [each for each in world.switches if each[0] <= now]:
        world.switches.remove(each)
        _, house, switch = each
        with tenant_scope(house.tenant):
            switchboard.release(switch, "It was looked into.", by=BY)
    is_drawn = lot.random() < SWITCH
    if not (is_drawn and world.asked.faults):
        return
    house = lot.choice(world.houses)
    if any(stopped is house for _, stopped, _ in world.switches):
        return
    wanted = Wanted(scope=Scope.TENANT, target="", reason="Something looks odd.")
    try:
        with tenant_scope(house.tenant):
            made = switchboard.engage(wanted, by=BY, now=now)
    except AutonomyError:
        return
    world.switches.append((now + lot.randint(*SWITCHED_FOR) * HOUR, house, made.id))
    world.broker.fate.struck["switched"] += 1


def _drain(world: World) -> None:
    """No more faults: whatever was begun comes to its end."""
    world.broker.fate.odds = CALM
    for _, house, switch in world.switches:
        with tenant_scope(house.tenant):
            switchboard.release(switch, "It was looked into.", by=BY)
    unfinished = laws.look(laws.IN_THE_END)
    for _ in range(DRAINED_BY):
        world.time.pass_(MINUTE)
        _work(world)
        unfinished = laws.look(laws.IN_THE_END)
        if not unfinished:
            break
    tenants = [each.tenant for each in world.houses]
    world.broken.extend(unfinished)
    world.broken.extend(laws.look(laws.ALWAYS))
    world.broken.extend(laws.look_at_peer(world.peer, is_over=True))
    world.broken.extend(laws.look_at_outcomes(tenants))
    world.broken.extend(laws.look_at_ledger(tenants))
