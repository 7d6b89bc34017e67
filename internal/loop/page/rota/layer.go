package rota

import (
	"fmt"
	"slices"
	"time"

	"nightkeeper/internal/loop/catalog"
)

const day = 24 * time.Hour

// past and future stand for no beginning and no end.
var (
	past   = time.Unix(-1<<40, 0).UTC()
	future = time.Unix(1<<40, 0).UTC()
)

// layer is a catalog.Layer with its times read.
type layer struct {
	name        string
	loc         *time.Location
	start       time.Time // of a turn of the first member
	wall        time.Time // what clocks show at start
	turn        time.Duration
	months      int // of a turn; 0: turn says how long it is
	members     []catalog.Crew
	from, until time.Time
	windows     [7][]catalog.Window // by the day on which they begin
	restricted  bool
	longest     int  // days that the longest window spans
	early       bool // the first member is on call before start
}

func newLayer(s *catalog.Schedule, la catalog.Layer, simple bool) (layer, error) {
	l := layer{name: la.Name, turn: la.Turn.D(), months: la.Turn.Months, members: la.Members, from: past, until: future, early: simple}
	var err error
	if l.loc, err = s.Zone(la.TimeZone); err != nil {
		return l, err
	}
	if l.start, err = la.Start.In(l.loc); err != nil {
		return l, err
	}
	if l.wall, err = la.Start.Wall(l.loc); err != nil {
		return l, err
	}
	if l.turn <= 0 && l.months <= 0 || len(la.Members) == 0 || slices.ContainsFunc(la.Members, func(c catalog.Crew) bool { return len(c) == 0 }) {
		return l, fmt.Errorf("layer %q needs a start, a turn and members", la.Name)
	}
	if l.byDate() {
		l.start = catalog.Resolve(l.wall, l.loc)
	}
	if !simple {
		if l.from, err = la.Begins(l.loc); err != nil {
			return l, err
		}
	}
	if la.Until != "" {
		if l.until, err = la.Until.In(l.loc); err != nil {
			return l, err
		}
	}
	for _, r := range la.Restrictions {
		ws, err := r.Windows()
		if err != nil {
			return l, err
		}
		for _, w := range ws {
			l.windows[w.Day] = append(l.windows[w.Day], w)
			l.restricted, l.longest = true, max(l.longest, w.Days)
		}
	}
	return l, nil
}

// piece is a stretch of time in which a layer has the same people, or none.
type piece struct {
	crew     catalog.Crew
	from, to time.Time
}

func (p piece) within(from, to time.Time) piece {
	p.from, p.to = later(p.from, from), earlier(p.to, to)
	return p
}

// at returns the piece that holds t; it is as long as nothing about the layer changes.
func (l *layer) at(t time.Time) piece {
	z := clocksAt(t, l.loc)
	if t.Before(l.from) {
		return piece{from: past, to: l.next(l.from, clocksAt(l.from, l.loc))}
	}
	if !t.Before(l.until) {
		return piece{from: l.last(l.until, clocksAt(l.until, l.loc)), to: future}
	}
	if !l.restricted {
		return l.turnAt(t, z).within(l.from, l.until)
	}
	on, w := l.window(t, z)
	if on {
		// A window goes on where another holds its end; how far matters only inside this turn.
		p := l.turnAt(t, z).within(l.from, l.until)
		for w.to.Before(p.to) {
			more, next := l.windowNear(l.longest+2, w.to, z)
			if !more {
				break
			}
			w.to = next.to
		}
		for w.from.After(p.from) {
			more, before := l.windowNear(l.longest+2, w.from.Add(-1), z)
			if !more {
				break
			}
			w.from = before.from
		}
		return p.within(w.from, w.to)
	}
	if !w.from.After(l.from) {
		w.from = past
	}
	if !w.to.Before(l.until) {
		w.to = future
	}
	return piece{from: w.from, to: w.to}
}

// next returns when the layer first has somebody at or after t, last when it had somebody before t.
func (l *layer) next(t time.Time, z clocks) time.Time {
	if !l.restricted {
		return t
	}
	on, w := l.window(t, z)
	if !on {
		t = w.to
	}
	if !t.Before(l.until) {
		return future
	}
	return t
}

func (l *layer) last(t time.Time, z clocks) time.Time {
	if !l.restricted {
		return t
	}
	on, w := l.window(t.Add(-1), z)
	if !on {
		t = w.from
	}
	if !t.After(l.from) {
		return past
	}
	return t
}

// turnAt returns the turn that holds t.
func (l *layer) turnAt(t time.Time, z clocks) piece {
	if l.early && t.Before(l.start) {
		return piece{l.members[0], past, l.start}
	}
	n := int64(0)
	switch {
	case l.months > 0:
		wall := z.wall(t)
		n = floor(int64(wall.Year()-l.wall.Year())*12+int64(wall.Month()-l.wall.Month()), int64(l.months))
	case l.byDate():
		n = floor(int64(z.wall(t).Sub(l.wall)), int64(l.turn))
	default:
		n = floor(int64(t.Sub(l.start)), int64(l.turn))
	}
	if l.byDate() {
		for l.turnStart(n, z).After(t) {
			n--
		}
		for !l.turnStart(n+1, z).After(t) {
			n++
		}
	}
	return piece{l.members[n-int64(len(l.members))*floor(n, int64(len(l.members)))], l.turnStart(n, z), l.turnStart(n+1, z)}
}

// byDate reports whether turns begin at a local time of a date rather than after elapsed time.
func (l *layer) byDate() bool { return l.months > 0 || l.turn%day == 0 }

func (l *layer) turnStart(n int64, z clocks) time.Time {
	if l.months > 0 {
		return z.resolve(inMonth(l.wall, int(n)*l.months))
	}
	if !l.byDate() {
		return l.start.Add(time.Duration(n) * l.turn)
	}
	return z.resolve(l.wall.AddDate(0, 0, int(n*int64(l.turn/day))))
}

// inMonth returns the same day and time so many months later, or the last day of a month that has no such day.
func inMonth(wall time.Time, months int) time.Time {
	first := wall.AddDate(0, months, 1-wall.Day())
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(wall.Day(), last)-1)
}

// window returns the window that holds t, or, when there is none, the pause between two of them that does. It looks only
// at the dates around t, and at more of them when a window on a date further away could be nearer.
func (l *layer) window(t time.Time, z clocks) (on bool, w piece) {
	date := z.wall(t).Truncate(day)
	for reach := l.longest + 2; ; reach *= 3 {
		on, w = l.windowNear(reach, t, z)
		if on || reach > 400 {
			return on, w
		}
		// A window begins on its date or, when clocks skip a day, a day later.
		first, last := date.AddDate(0, 0, l.longest+1-reach), date.AddDate(0, 0, reach-1)
		if !z.wall(w.from).Before(first) && !z.wall(w.to).After(last) {
			return on, w
		}
	}
}

// windowNear is window when only windows count that begin at most reach dates away. Where one is longest+2 away or more,
// it does not hold t.
func (l *layer) windowNear(reach int, t time.Time, z clocks) (on bool, w piece) {
	date := z.wall(t).Truncate(day)
	pause := piece{from: past, to: future}
	var held piece
	for n := -reach; n <= reach; n++ {
		d := date.AddDate(0, 0, n)
		for _, win := range l.windows[d.Weekday()] {
			from := z.resolve(d.Add(time.Duration(win.From) * time.Second))
			to := z.resolve(d.AddDate(0, 0, win.Days).Add(time.Duration(win.To) * time.Second))
			switch {
			case !to.After(from): // skipped by the clocks
			case from.After(t):
				pause.to = earlier(pause.to, from)
			case !to.After(t):
				pause.from = later(pause.from, to)
			case !on:
				on, held = true, piece{from: from, to: to}
			default:
				held = piece{from: earlier(held.from, from), to: later(held.to, to)}
			}
		}
	}
	if on {
		return true, held
	}
	return false, pause
}

// clocks is what a zone's clocks do around a time: between two changes they are easily read. Asking the zone costs as much
// as everything else.
type clocks struct {
	loc      *time.Location
	from, to time.Time // no change in between
	offset   time.Duration
}

func clocksAt(t time.Time, loc *time.Location) clocks {
	t = t.In(loc)
	z := clocks{loc: loc}
	z.from, z.to = t.ZoneBounds()
	if z.from.IsZero() {
		z.from = past
	}
	if z.to.IsZero() {
		z.to = future
	}
	_, offset := t.Zone()
	z.offset = time.Duration(offset) * time.Second
	return z
}

// wall is catalog.Wall.
func (z clocks) wall(t time.Time) time.Time {
	if t.Before(z.from) || !t.Before(z.to) {
		return catalog.Wall(t, z.loc)
	}
	return t.UTC().Add(z.offset)
}

// resolve is catalog.Resolve. Two days after a change no local time is shown twice any more.
func (z clocks) resolve(wall time.Time) time.Time {
	t := wall.Add(-z.offset)
	if t.Before(z.from.Add(2*day)) || !t.Before(z.to) {
		return catalog.Resolve(wall, z.loc)
	}
	return t.In(z.loc)
}

func floor(a, b int64) int64 {
	n := a / b
	if a%b < 0 {
		n--
	}
	return n
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
