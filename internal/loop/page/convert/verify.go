package convert

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/page/rota"
)

// Difference is a time in which the other system has other people on call than the schedules that were made of it.
type Difference struct {
	Schedule string    `json:"schedule"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Theirs   []string  `json:"theirs"`
	Ours     []string  `json:"ours"`
}

// change is somebody who comes or goes, on one of the two sides.
type change struct {
	at     time.Time
	side   int // 0 theirs, 1 ours
	person string
	n      int
}

// Compare returns every time in which a rendering and the catalog do not have the same people on call. A schedule that is
// not in the catalog has nobody.
func Compare(c *catalog.Catalog, r Rendering) ([]Difference, error) {
	var changes []change
	add := func(side int, person string, from, to time.Time) {
		if from.Before(r.From) {
			from = r.From
		}
		if to.IsZero() || to.After(r.To) {
			to = r.To
		}
		if from.Before(to) {
			changes = append(changes, change{from, side, person, 1}, change{to, side, person, -1})
		}
	}
	for _, s := range r.Shifts {
		add(0, s.Person, s.From, s.To)
	}
	for _, name := range r.Schedules {
		s := c.Schedules[name]
		if s == nil {
			continue
		}
		ro, err := rota.New(s, nil)
		if err != nil {
			return nil, err
		}
		for _, sh := range ro.Between(r.From, r.To) {
			for _, person := range sh.People() {
				add(1, person, sh.From, sh.To)
			}
		}
	}
	slices.SortStableFunc(changes, func(a, b change) int { return a.at.Compare(b.at) })
	on := [2]map[string]int{{}, {}}
	var out []Difference
	for i, ch := range changes {
		m := on[ch.side]
		if m[ch.person] += ch.n; m[ch.person] == 0 {
			delete(m, ch.person)
		}
		if i+1 == len(changes) || changes[i+1].at.Equal(ch.at) {
			continue
		}
		d := Difference{Schedule: r.Name, From: ch.at, To: changes[i+1].at, Theirs: people(on[0]), Ours: people(on[1])}
		if slices.Equal(d.Theirs, d.Ours) {
			continue
		}
		if n := len(out); n > 0 && out[n-1].To.Equal(d.From) && slices.Equal(out[n-1].Theirs, d.Theirs) && slices.Equal(out[n-1].Ours, d.Ours) {
			out[n-1].To = d.To
			continue
		}
		out = append(out, d)
	}
	return out, nil
}

func people(m map[string]int) []string {
	out := slices.Sorted(maps.Keys(m))
	if out == nil {
		out = []string{}
	}
	return out
}

// Window is the time for which an export has renderings.
type window struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// render adds what the other system says of a schedule. Without a window it reaches from the first shift to the last.
func (p *Plan) render(name string, ours []string, w window, shifts []Shift) {
	if len(ours) == 0 {
		return
	}
	if w.From.IsZero() || !w.To.After(w.From) {
		if len(shifts) == 0 {
			p.Unseen = append(p.Unseen, clean(name))
			return
		}
		w.From = slices.MinFunc(shifts, func(a, b Shift) int { return a.From.Compare(b.From) }).From
		w.To = slices.MaxFunc(shifts, func(a, b Shift) int { return a.To.Compare(b.To) }).To
	}
	slices.SortStableFunc(shifts, func(a, b Shift) int { return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Person, b.Person)) })
	p.Renderings = append(p.Renderings, Rendering{clean(name), ours, w.From, w.To, shifts})
}

// windowOf returns the window that an export says it has.
func windowOf(e Export) (w window, err error) {
	err = each(e, "window", func(_ string, v window) { w = v })
	return w, err
}
