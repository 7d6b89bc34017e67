"""Works out who is on call in the fixtures, minute by minute, from rules written down here by hand.

It shares nothing with the program: each function below answers "who, at this local time?" for one schedule of a
fixture, with the standard library of Python only. Consecutive minutes with the same people become one entry.

    python3 render.py NAME      prints the entries of one schedule
"""
import json, sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

FROM = datetime(2026, 2, 2, tzinfo=timezone.utc)
TO = FROM + timedelta(days=90)
NY, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")


def weeks(wall, y, m, d, h):
    """Whole weeks on the wall clock since a date."""
    return (wall - datetime(y, m, d, h)) // timedelta(weeks=1)


def days(wall, y, m, d, h):
    return (wall - datetime(y, m, d, h)) // timedelta(days=1)


def between(at, a, b):
    return datetime.fromisoformat(a) <= at < datetime.fromisoformat(b)


def pd_primary(at):
    if between(at, "2026-03-07T20:00:00+00:00", "2026-03-08T20:00:00+00:00"):
        return ["PEVE"]
    wall = at.astimezone(NY).replace(tzinfo=None)
    if wall.weekday() in (0, 2) and 9 <= wall.hour < 17:
        return [["PDEV", "PEVE"][days(wall, 2026, 1, 5, 9) % 2]]
    return [["PADA", "PBELA", "PCHI"][weeks(wall, 2026, 1, 5, 9) % 3]]


def pd_weekend(at):
    wall = at.astimezone(BERLIN).replace(tzinfo=None)
    on = wall.weekday() in (5, 6) or wall.weekday() == 4 and wall.hour >= 17 or wall.weekday() == 0 and wall.hour < 8
    return [["PADA", "PDEV"][weeks(wall, 2026, 1, 7, 12) % 2]] if on else []


def og_platform(at):
    if between(at, "2026-03-28T10:00:00+00:00", "2026-03-29T10:00:00+00:00"):
        return ["u-bela"]
    wall = at.astimezone(BERLIN).replace(tzinfo=None)
    if wall.weekday() < 5 and 8 <= wall.hour < 18:
        return [["u-ada", "u-chiara"][days(wall, 2026, 1, 5, 8) % 2]]
    return [["u-bela", "u-dev"][weeks(wall, 2026, 1, 5, 8) % 2]]


def og_both(at):
    """Two rotations at once: somebody of each is on call."""
    wall = at.astimezone(NY).replace(tzinfo=None)
    out = [["u-ada", "u-bela"][weeks(wall, 2026, 1, 5, 9) % 2]]
    if 22 <= wall.hour or wall.hour < 6:
        # the night that began on the evening before belongs to the day on which the turn began, at noon
        out.append(["u-chiara", "u-dev"][days(wall, 2026, 1, 1, 12) % 2])
    return out


def oc_web(at):
    if between(at, "2026-03-29T00:30:00+00:00", "2026-03-29T06:30:00+00:00"):
        return ["UBELA"]
    wall = at.astimezone(BERLIN).replace(tzinfo=None)
    top = []
    if wall.weekday() < 5 and 9 <= wall.hour < 17:
        week = (wall - datetime(2026, 1, 4)) // timedelta(weeks=1)  # weeks begin on Sunday; the shift on Monday the 5th
        top.append([["UBELA"], ["UCHI", "UADA"]][week % 2])
    if between(at, "2026-02-10T11:00:00+00:00", "2026-02-10T18:00:00+00:00"):
        top.append(["UDEV"])
    if top:
        return sorted({p for t in top for p in t})
    return [["UADA", "UDEV"][weeks(wall, 2026, 1, 5, 8) % 2]]


def entries(who):
    out, at = [], FROM
    live = {}
    while at <= TO:
        now = set(who(at)) if at < TO else set()
        for p in [p for p in live if p not in now]:
            out.append((live.pop(p), at, p))
        for p in now:
            live.setdefault(p, at)
        at += timedelta(minutes=1)
    return sorted(out)


def z(t):
    return t.strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    name = sys.argv[1]
    shapes = {
        "pd": lambda a, b, p: {"start": z(a), "end": z(b), "user": {"id": p, "type": "user_reference"}},
        "og": lambda a, b, p: {"startDate": z(a), "endDate": z(b), "type": "historical", "recipient": {"id": p, "type": "user"}},
        "oc": lambda a, b, p: {"user_pk": p, "shift_start": z(a), "shift_end": z(b)},
    }
    rows = [json.dumps(shapes[name[:2]](*e)) for e in entries(globals()[name])]
    print("[\n" + ",\n".join(rows) + "\n]")
