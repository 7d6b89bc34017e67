package rota

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"nightkeeper/internal/loop/catalog"
)

// OnRole returns who has a role of the catalog now: the people of the first of its schedules that has somebody.
func OnRole(c *catalog.Catalog, role string, made []Override, now time.Time) []string {
	for _, name := range c.SchedulesOf(role, now) {
		s := c.Schedules[name]
		if s == nil {
			continue
		}
		if sh, err := At(s, made, now); err == nil && len(sh.Duties) > 0 {
			return sh.People()
		}
	}
	return nil
}

// The hours of a person's own night.
const (
	nightFrom = 22
	nightTo   = 6
)

// checkCommand warns of hours that no region covers, of chains that find nobody, and of roles that wake somebody although
// they follow the sun, or that nobody has.
func checkCommand(c *catalog.Catalog, now time.Time) []catalog.Problem {
	var out []catalog.Problem
	warn := func(kind, name, format string, args ...any) {
		p := catalog.Problem{File: ".", Line: 1, Column: 1, Warning: true, Message: fmt.Sprintf(format, args...)}
		for _, d := range c.Documents {
			if d.Kind == kind && d.Name == name {
				p.File, p.Line = d.File, d.Line
			}
		}
		out = append(out, p)
	}
	regions := slices.Sorted(maps.Keys(c.Regions))
	if gaps := uncovered(c, now, now.Add(7*day)); len(gaps) > 0 {
		var sum time.Duration
		for _, g := range gaps {
			sum += g.To.Sub(g.From)
		}
		warn("Region", regions[0], "no region covers %s: the global commander is called then; %s of the next 7 days in all", gaps[0].utc(), catalog.Duration(sum.Round(time.Minute)))
	}
	start := now.Truncate(time.Hour).Add(time.Hour)
	for _, name := range regions {
		r := c.Regions[name]
		rotas := chainRotas(c, r)
		for t := start; t.Before(now.Add(Ahead)) && rotas != nil; t = t.Add(time.Hour) {
			if r.Coverage.Contains(t) && !slices.ContainsFunc(rotas, func(x *Rota) bool { return len(x.at(t).Duties) > 0 }) {
				warn("Region", name, "the chain of %s finds nobody at %s: everybody in the catalog would be told", name, t.UTC().Format("Mon 2006-01-02 15:04 UTC"))
				break
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Roles)) {
		checkRole(c, name, start, now.Add(Ahead), func(format string, args ...any) { warn("Role", name, format, args...) })
	}
	return out
}

func (s Span) utc() string {
	return s.From.UTC().Format("Mon 2006-01-02 15:04") + " to " + s.To.UTC().Format("Mon 2006-01-02 15:04 UTC")
}

// uncovered returns when no region is within its hours.
func uncovered(c *catalog.Catalog, from, to time.Time) []Span {
	if len(c.Regions) == 0 {
		return nil
	}
	var out []Span
	for t := from; t.Before(to); {
		next := to
		for _, r := range c.Regions {
			if edge := r.Coverage.Next(t); !edge.IsZero() {
				next = earlier(next, edge)
			}
		}
		if len(c.Covering(t)) == 0 {
			if n := len(out); n > 0 && out[n-1].To.Equal(t) {
				out[n-1].To = next
			} else {
				out = append(out, Span{t, next})
			}
		}
		t = next
	}
	return out
}

// chainRotas returns the rotas of a region's chain, or nil when a person stands in it, who is always there.
func chainRotas(c *catalog.Catalog, r *catalog.Region) []*Rota {
	var out []*Rota
	for _, rung := range r.Chain {
		s := c.Schedules[rung.Schedule]
		if s == nil {
			return nil
		}
		if x, err := New(s, nil); err == nil {
			out = append(out, x)
		}
	}
	return out
}

// checkRole looks at who has a role in each hour.
func checkRole(c *catalog.Catalog, role string, from, to time.Time, warn func(format string, args ...any)) {
	rotas := map[string]*Rota{}
	on := func(t time.Time) []Duty {
		for _, name := range c.SchedulesOf(role, t) {
			if rotas[name] == nil && c.Schedules[name] != nil {
				rotas[name], _ = New(c.Schedules[name], nil) // a schedule that cannot be read was said to be so
			}
			if r := rotas[name]; r != nil {
				if ds := r.at(t).Duties; len(ds) > 0 {
					return ds
				}
			}
		}
		return nil
	}
	var alone, woken bool
	for t := from; t.Before(to) && !(alone && woken); t = t.Add(time.Hour) {
		ds := on(t)
		if len(ds) == 0 && !alone {
			alone = true
			warn("nobody has the role %s at %s", role, t.UTC().Format("Mon 2006-01-02 15:04 UTC"))
		}
		for _, d := range ds {
			p := c.People[d.Person]
			if woken || !c.Roles[role].FollowTheSun || p == nil || p.TimeZone == "" {
				continue
			}
			loc, err := time.LoadLocation(p.TimeZone)
			if err != nil {
				continue
			}
			if h := t.In(loc).Hour(); h >= nightFrom || h < nightTo {
				woken = true
				warn("%s follows the sun, but %s has it at %s, in their own night", role, d.Person, t.In(loc).Format("Mon 2006-01-02 15:04 MST"))
			}
		}
	}
}
