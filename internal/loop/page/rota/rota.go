package rota

import (
	"fmt"
	"slices"
	"time"

	"nightkeeper/internal/loop/catalog"
)

// Declared is the id of an override that the catalog declares.
const Declared = "declared"

// Duty is one person on call, and why.
type Duty struct {
	Person   string    `json:"person"`
	Layer    string    `json:"layer,omitempty"`    // whose turn it is by the layers; empty in the simple form
	Override string    `json:"override,omitempty"` // id of the override that put the person here, "declared" for one of the catalog
	Instead  string    `json:"instead,omitempty"`  // whom the person stands in for
	Reason   string    `json:"reason,omitempty"`
	Since    time.Time `json:"since,omitzero"` // when the turn or the override began, if nothing had come in between
}

// Shift is who is on call from From until To, in which nothing changes. Without duties it is a gap. A zero From or To
// means that it has no beginning or no end.
type Shift struct {
	Duties []Duty    `json:"duties"`
	From   time.Time `json:"from,omitzero"`
	To     time.Time `json:"to,omitzero"`
}

// People returns who is on call, in order.
func (s Shift) People() []string {
	out := make([]string, len(s.Duties))
	for i, d := range s.Duties {
		out[i] = d.Person
	}
	return out
}

// Rota is a schedule with its times read, and the overrides that people made.
type Rota struct {
	schedule  *catalog.Schedule
	loc       *time.Location
	layers    []layer
	overrides []standIn // the strongest first
}

// standIn is an override that counts from from until to.
type standIn struct {
	id, instead, reason string
	people              []string
	from, to            time.Time
}

// New reads a schedule. Made are the overrides of people for it, in any order; those of other schedules do not count. An
// error means that the schedule cannot be read; a checked catalog has no such schedule.
func New(s *catalog.Schedule, made []Override) (*Rota, error) {
	loc, err := s.Zone("")
	if err != nil {
		return nil, fmt.Errorf("schedule %s: %w", s.Name, err)
	}
	r := &Rota{schedule: s, loc: loc}
	for _, la := range s.AsLayers() {
		l, err := newLayer(s, la, len(s.Layers) == 0)
		if err != nil {
			return nil, fmt.Errorf("schedule %s: %w", s.Name, err)
		}
		r.layers = append(r.layers, l)
	}
	r.overrides = standIns(s, made)
	for _, o := range s.Overrides {
		from, err := o.From.In(loc)
		if err != nil {
			return nil, fmt.Errorf("schedule %s: %w", s.Name, err)
		}
		to, err := o.To.In(loc)
		if err != nil {
			return nil, fmt.Errorf("schedule %s: %w", s.Name, err)
		}
		if len(o.Crew()) > 0 && from.Before(to) {
			r.overrides = append(r.overrides, standIn{Declared, o.Instead, o.Reason, o.Crew(), from, to})
		}
	}
	return r, nil
}

// Has reports whether a person is named in the schedule or stands in on it.
func (r *Rota) Has(person string) bool {
	return slices.Contains(r.schedule.People(), person) ||
		slices.ContainsFunc(r.overrides, func(o standIn) bool { return slices.Contains(o.people, person) })
}

// At returns the shift that holds t, with times in the zone of the schedule.
func (r *Rota) At(t time.Time) Shift {
	sh := r.at(t)
	if slices.ContainsFunc(sh.Duties, func(d Duty) bool { return d.Instead != "" }) {
		// What somebody stands in for may change while who does stays the same.
		for sh.To.Before(future) {
			next := r.at(sh.To)
			if !slices.Equal(next.Duties, sh.Duties) {
				break
			}
			sh.To = next.To
		}
		for sh.From.After(past) {
			before := r.at(sh.From.Add(-1))
			if !slices.Equal(before.Duties, sh.Duties) {
				break
			}
			sh.From = before.From
		}
	}
	out := Shift{Duties: sh.Duties}
	if out.Duties == nil {
		out.Duties = []Duty{}
	}
	if sh.From.After(past) {
		out.From = sh.From.In(r.loc)
	}
	if sh.To.Before(future) {
		out.To = sh.To.In(r.loc)
	}
	return out
}

func (r *Rota) at(t time.Time) Shift {
	sh := Shift{From: past, To: future}
	clip := func(from, to time.Time) bool {
		switch {
		case t.Before(from):
			sh.To = earlier(sh.To, from)
		case t.Before(to):
			sh.From, sh.To = later(sh.From, from), earlier(sh.To, to)
			return true
		default:
			sh.From = later(sh.From, to)
		}
		return false
	}
	above := r.overrides // the ones that stand above what the duties come from
	for i, o := range r.overrides {
		if o.instead == "" && clip(o.from, o.to) {
			sh.Duties = o.duties("", o.from)
			above = r.overrides[:i]
			break
		}
	}
	for i := len(r.layers) - 1; i >= 0 && sh.Duties == nil; i-- {
		p := r.layers[i].at(t)
		sh.From, sh.To = later(sh.From, p.from), earlier(sh.To, p.to)
		for _, person := range p.crew {
			if !slices.ContainsFunc(sh.Duties, func(d Duty) bool { return d.Person == person }) {
				sh.Duties = append(sh.Duties, Duty{Person: person, Layer: r.layers[i].name, Since: open(p.from)})
			}
		}
	}
	for i := len(above) - 1; i >= 0; i-- {
		o := above[i]
		k := slices.IndexFunc(sh.Duties, func(d Duty) bool { return d.Person == o.instead })
		if o.instead != "" && k >= 0 && clip(o.from, o.to) {
			sh.Duties = replace(sh.Duties, k, o)
		}
	}
	return sh
}

func (o standIn) duties(layer string, since time.Time) []Duty {
	var out []Duty
	for _, p := range o.people {
		if !slices.ContainsFunc(out, func(d Duty) bool { return d.Person == p }) {
			out = append(out, Duty{Person: p, Layer: layer, Override: o.id, Instead: o.instead, Reason: o.reason, Since: open(since)})
		}
	}
	return out
}

// replace puts the people of an override in the place of duty k. Somebody who is on call anyway stays as they are.
func replace(ds []Duty, k int, o standIn) []Duty {
	out := slices.Clone(ds[:k])
	rest := ds[k+1:]
	for _, d := range o.duties(ds[k].Layer, later(o.from, ds[k].Since)) {
		same := func(x Duty) bool { return x.Person == d.Person }
		if !slices.ContainsFunc(out, same) && !slices.ContainsFunc(rest, same) {
			out = append(out, d)
		}
	}
	return append(out, rest...)
}

// open returns a time that can be compared with ==, zero for no beginning.
func open(t time.Time) time.Time {
	if t.Equal(past) {
		return time.Time{}
	}
	return t.UTC()
}

// Between returns the shifts and gaps that touch [from, to), in order, without holes.
func (r *Rota) Between(from, to time.Time) []Shift {
	var out []Shift
	for t := from; t.Before(to); {
		sh := r.At(t)
		out = append(out, sh)
		if sh.To.IsZero() {
			break
		}
		t = sh.To
	}
	return out
}

// Span is a stretch of time.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// people returns who is on call at some time between two, in order of when they first are.
func (r *Rota) people(from, to time.Time) []string {
	var out []string
	for _, sh := range r.Between(from, to) {
		for _, p := range sh.People() {
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	return out
}

// Gaps returns when nobody is on call between two times.
func (r *Rota) Gaps(from, to time.Time) []Span {
	for _, l := range r.layers {
		if !l.restricted && !l.from.After(from) && !l.until.Before(to) {
			return nil
		}
	}
	var out []Span
	for _, sh := range r.Between(from, to) {
		if len(sh.Duties) > 0 {
			continue
		}
		g := Span{from, to}
		if !sh.From.IsZero() {
			g.From = later(from, sh.From)
		}
		if !sh.To.IsZero() {
			g.To = earlier(to, sh.To)
		}
		if n := len(out); n > 0 && out[n-1].To.Equal(g.From) {
			out[n-1].To = g.To
			continue
		}
		out = append(out, g)
	}
	return out
}

// Stint is one person's time on call: one turn or one override, as long as nothing about it changes.
type Stint struct {
	Schedule string `json:"schedule"`
	Duty
	From time.Time `json:"from"`
	To   time.Time `json:"to,omitzero"`
}

// Stints returns everybody's stints that touch [from, to), or those of one person, by when they begin. What lies outside
// is kept for stints that reach over the edge; a stint without a beginning begins at from.
func (r *Rota) Stints(person string, from, to time.Time) []Stint {
	var out []Stint
	live := map[Duty]int{} // index of the stint that ended just now
	for _, sh := range r.Between(from, to) {
		begin := sh.From
		if begin.IsZero() {
			begin = from
		}
		next := map[Duty]int{}
		for _, d := range sh.Duties {
			if person != "" && d.Person != person {
				continue
			}
			i, goesOn := live[d]
			if !goesOn {
				i = len(out)
				out = append(out, Stint{Schedule: r.schedule.Name, Duty: d, From: begin})
			}
			out[i].To = sh.To
			next[d] = i
		}
		live = next
	}
	return r.reachBack(out, from)
}

// reachBack finds the true beginning of the stints that were on when the look began.
func (r *Rota) reachBack(out []Stint, from time.Time) []Stint {
	for i := range out {
		for out[i].From.Before(from) || out[i].From.Equal(from) {
			before := r.At(out[i].From.Add(-1))
			if !slices.Contains(before.Duties, out[i].Duty) || before.From.IsZero() {
				break
			}
			out[i].From = before.From
		}
	}
	for i := range out {
		for !out[i].To.IsZero() {
			after := r.At(out[i].To)
			if !slices.Contains(after.Duties, out[i].Duty) {
				break
			}
			out[i].To = after.To
		}
	}
	return out
}

// Next returns the next stints of a person that begin or go on after t, at most n and at most horizon ahead.
func (r *Rota) Next(person string, t time.Time, n int, horizon time.Duration) []Stint {
	for ahead := min(32*day, horizon); ; ahead = min(4*ahead, horizon) {
		out := r.Stints(person, t, t.Add(ahead))
		if len(out) >= n || ahead == horizon {
			return out[:min(n, len(out))]
		}
	}
}

// Track is what one layer says by itself.
type Track struct {
	Name   string  `json:"name"`
	Zone   string  `json:"zone"`
	Shifts []Shift `json:"shifts"`
}

// Tracks returns what each layer says by itself between two times, the lowest first.
func (r *Rota) Tracks(from, to time.Time) []Track {
	out := make([]Track, 0, len(r.layers))
	for _, l := range r.layers {
		alone := &Rota{schedule: r.schedule, loc: l.loc, layers: []layer{l}}
		tr := Track{Name: l.name, Zone: l.loc.String(), Shifts: []Shift{}}
		for _, sh := range alone.Between(from, to) {
			if len(sh.Duties) > 0 {
				tr.Shifts = append(tr.Shifts, sh)
			}
		}
		out = append(out, tr)
	}
	return out
}

// At returns who is on call on a schedule at t.
func At(s *catalog.Schedule, made []Override, t time.Time) (Shift, error) {
	r, err := New(s, made)
	if err != nil {
		return Shift{}, err
	}
	return r.At(t), nil
}
