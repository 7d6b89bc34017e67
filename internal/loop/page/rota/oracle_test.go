package rota

import (
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/loop/catalog"
)

// oracle says who is on call at single instants, straight from the definition and as simply as possible: it tries every
// turn and every window, and shares no code with what it is compared with but the types of the catalog.
type oracle struct {
	s    *catalog.Schedule
	made []Override
	memo map[string]map[time.Time]time.Time // by zone: what clocks show -> when
}

// when returns the instant of a local time. It looks at the clocks of the zone hour by hour.
func (o *oracle) when(zone string, wall time.Time) time.Time {
	if at, ok := o.memo[zone][wall]; ok {
		return at
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		panic(err)
	}
	shows := func(at time.Time) time.Time {
		at = at.In(loc)
		return time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), time.UTC)
	}
	var first, before time.Time
	for h := -40; h <= 40; h++ {
		at := wall.Add(time.Duration(h) * time.Hour)
		offset := shows(at).Sub(at)
		if guess := wall.Add(-offset); shows(guess).Equal(wall) && (first.IsZero() || guess.Before(first)) {
			first = guess
		}
		if shows(at).Before(wall) {
			before = wall.Add(-offset) // the last one before clocks pass it
		}
	}
	if first.IsZero() {
		first = before
	}
	if o.memo == nil {
		o.memo = map[string]map[time.Time]time.Time{}
	}
	if o.memo[zone] == nil {
		o.memo[zone] = map[time.Time]time.Time{}
	}
	o.memo[zone][wall] = first
	return first
}

func (o *oracle) read(zone string, s catalog.Time) (wall, at time.Time) {
	wall, err := time.Parse("2006-01-02T15:04", string(s))
	if err != nil {
		panic(err)
	}
	return wall, o.when(zone, wall)
}

// at returns the people on call, in order, as "ana+ben", and nothing for a gap.
func (o *oracle) at(t time.Time) string {
	var on []string
	for i := len(o.s.AsLayers()) - 1; i >= 0 && on == nil; i-- {
		on = o.layer(o.s.AsLayers()[i], t)
	}
	apply := func(people []string, instead string) {
		k := slices.Index(on, instead)
		switch {
		case instead == "":
			on = unique(people)
		case k >= 0:
			with := slices.Clone(people)
			with = slices.DeleteFunc(with, func(p string) bool {
				return slices.Contains(slices.Delete(slices.Clone(on), k, k+1), p)
			})
			on = unique(slices.Concat(on[:k], with, on[k+1:]))
		}
	}
	for i := len(o.s.Overrides) - 1; i >= 0; i-- {
		d := o.s.Overrides[i]
		_, from := o.read(o.s.TimeZone, d.From)
		_, to := o.read(o.s.TimeZone, d.To)
		if !t.Before(from) && t.Before(to) {
			apply(d.Crew(), d.Instead)
		}
	}
	made := slices.Clone(o.made)
	slices.SortStableFunc(made, func(a, b Override) int { return a.At.Compare(b.At) })
	for _, m := range made {
		cancelled := !m.CancelledAt.IsZero() && !t.Before(m.CancelledAt)
		if m.Schedule == o.s.Name && !t.Before(m.From) && t.Before(m.To) && !cancelled {
			apply(m.People, m.Instead)
		}
	}
	return strings.Join(on, "+")
}

func unique(in []string) []string {
	var out []string
	for _, p := range in {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

func (o *oracle) layer(la catalog.Layer, t time.Time) []string {
	zone, simple := la.TimeZone, len(o.s.Layers) == 0
	if zone == "" {
		zone = o.s.TimeZone
	}
	wall, start := o.read(zone, la.Start)
	begins := start
	if la.From != "" {
		_, begins = o.read(zone, la.From)
	}
	if t.Before(begins) && !simple {
		return nil
	}
	if la.Until != "" {
		if _, until := o.read(zone, la.Until); !t.Before(until) {
			return nil
		}
	}
	if len(la.Restrictions) > 0 && !slices.ContainsFunc(la.Restrictions, func(r catalog.Restriction) bool { return o.inside(zone, r, t) }) {
		return nil
	}
	if t.Before(start) && simple {
		return unique(la.Members[0])
	}
	if la.Turn.Months > 0 {
		return o.monthly(la, zone, wall, t)
	}
	turn := la.Turn.D()
	guess := int(t.Sub(start) / turn)
	for n := guess - 3; n <= guess+3; n++ {
		from, to := start.Add(time.Duration(n)*turn), start.Add(time.Duration(n+1)*turn)
		if turn%(24*time.Hour) == 0 {
			from, to = o.when(zone, wall.Add(time.Duration(n)*turn)), o.when(zone, wall.Add(time.Duration(n+1)*turn))
		}
		if !t.Before(from) && t.Before(to) {
			return unique(la.Members[((n%len(la.Members))+len(la.Members))%len(la.Members)])
		}
	}
	panic("no turn holds " + t.String())
}

// monthly tries every month around t: its day is that of the start, or the last that the month has.
func (o *oracle) monthly(la catalog.Layer, zone string, wall, t time.Time) []string {
	begins := func(n int) time.Time {
		y, m := wall.Year(), int(wall.Month())-1+n*la.Turn.Months
		for ; m < 0; m += 12 {
			y--
		}
		for ; m > 11; m -= 12 {
			y++
		}
		days := []int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[m]
		if m == 1 && (y%4 == 0 && y%100 != 0 || y%400 == 0) {
			days = 29
		}
		return o.when(zone, time.Date(y, time.Month(m+1), min(wall.Day(), days), wall.Hour(), wall.Minute(), wall.Second(), 0, time.UTC))
	}
	guess := int(t.Sub(wall)/(24*time.Hour)) / 30 / la.Turn.Months
	for n := guess - 8; n <= guess+8; n++ {
		if !t.Before(begins(n)) && t.Before(begins(n+1)) {
			return unique(la.Members[((n%len(la.Members))+len(la.Members))%len(la.Members)])
		}
	}
	panic("no month holds " + t.String())
}

// inside tries each date around t.
func (o *oracle) inside(zone string, r catalog.Restriction, t time.Time) bool {
	names := []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	clock := func(c catalog.Clock) (string, time.Duration) {
		day, rest, weekly := strings.Cut(string(c), " ")
		if !weekly {
			day, rest = "", day
		}
		if rest == "24:00" {
			return day, 24 * time.Hour
		}
		at, err := time.Parse("15:04", rest)
		if err != nil {
			panic(err)
		}
		return day, at.Sub(at.Truncate(24 * time.Hour))
	}
	fromDay, from := clock(r.From)
	toDay, to := clock(r.To)
	date := t.UTC().Truncate(24 * time.Hour)
	for d := -10; d <= 2; d++ {
		begin := date.AddDate(0, 0, d)
		name := names[begin.Weekday()]
		if fromDay != "" && name != fromDay || len(r.Days) > 0 && !slices.Contains(r.Days, catalog.Weekday(name)) {
			continue
		}
		end := begin
		if toDay != "" {
			for names[end.Weekday()] != toDay || !end.Add(to).After(begin.Add(from)) {
				end = end.AddDate(0, 0, 1)
			}
		} else if to <= from {
			end = end.AddDate(0, 0, 1)
		}
		if !t.Before(o.when(zone, begin.Add(from))) && t.Before(o.when(zone, end.Add(to))) {
			return true
		}
	}
	return false
}
