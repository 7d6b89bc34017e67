package rota

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"nightkeeper/internal/loop/catalog"
)

// allZones returns the name of every time zone that this machine knows.
func allZones(t testing.TB) []string {
	t.Helper()
	var out []string
	add := func(name string) {
		if _, err := time.LoadLocation(name); err == nil && name != "Local" && name != "" {
			out = append(out, name)
		}
	}
	for _, dir := range []string{"/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo"} {
		_ = fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && name[0] >= 'A' && name[0] <= 'Z' {
				add(name)
			}
			return nil
		})
		if len(out) > 0 {
			break
		}
	}
	if len(out) == 0 { // the program brings the zones but not their names
		for _, name := range []string{"UTC", "Europe/Berlin", "Europe/Dublin", "America/New_York", "America/St_Johns", "America/Havana", "America/Santiago", "Africa/Casablanca",
			"Africa/Cairo", "Asia/Kathmandu", "Asia/Gaza", "Australia/Lord_Howe", "Australia/Adelaide", "Antarctica/Troll", "Pacific/Apia", "Pacific/Chatham"} {
			add(name)
		}
	}
	slices.Sort(out)
	return out
}

// changes returns when the clocks of a zone change between two times.
func changes(loc *time.Location, from, to time.Time) []time.Time {
	var out []time.Time
	for t := from.In(loc); ; {
		_, end := t.ZoneBounds()
		if end.IsZero() || !end.Before(to) {
			return out
		}
		_, a := end.Add(-1).Zone()
		if _, b := end.Zone(); a != b {
			out = append(out, end)
		}
		t = end
	}
}

// everyZone runs f for each zone, on all processors.
func everyZone(t *testing.T, f func(zone string, rng *rand.Rand) error) {
	t.Helper()
	zones := allZones(t)
	var wg sync.WaitGroup
	queue := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range queue {
				if err := f(zones[i], rand.New(rand.NewPCG(7, uint64(i)))); err != nil {
					t.Errorf("%s: %v", zones[i], err)
				}
			}
		})
	}
	for i := 0; i < len(zones); i += everyNth {
		queue <- i
	}
	close(queue)
	wg.Wait()
}

const text = "2006-01-02T15:04"

func pick[T any](rng *rand.Rand, of ...T) T { return of[rng.IntN(len(of))] }

// anySchedule invents a schedule with everything in it, so that most of it happens around a time.
func anySchedule(rng *rand.Rand, zone string, around time.Time) (*catalog.Schedule, []Override) {
	near := func(days int) catalog.Time {
		d := time.Duration(rng.Int64N(int64(2*days)*int64(day))) - time.Duration(days)*day
		return catalog.Time(around.Add(d).UTC().Format(text))
	}
	clock := func() catalog.Clock {
		return catalog.Clock(fmt.Sprintf("%02d:%02d", pick(rng, 0, 1, 2, 2, 3, 9, 17, 22, 23), pick(rng, 0, 0, 0, 15, 30, 45)))
	}
	days := []catalog.Weekday{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	people := []string{"a", "b", "c", "d", "e"}
	layer := func(i int) catalog.Layer {
		la := catalog.Layer{Name: fmt.Sprintf("layer%d", i), Start: near(60), From: near(400), Turn: catalog.Every(pick(rng, time.Hour, 8*time.Hour, 12*time.Hour, 25*time.Hour, day, day, 2*day, 7*day, 7*day, 14*day, 604800*time.Second, 90*time.Minute))}
		if rng.IntN(4) == 0 {
			la.Turn = catalog.Turn{Months: pick(rng, 1, 1, 2, 3)}
		}
		for range 1 + rng.IntN(4) {
			c := catalog.Crew{pick(rng, people...)}
			if rng.IntN(3) == 0 {
				c = append(c, pick(rng, people...))
			}
			la.Members = append(la.Members, c)
		}
		if rng.IntN(3) > 0 {
			la.From = catalog.Time(around.AddDate(-1, 0, 0).UTC().Format(text))
		}
		if rng.IntN(4) == 0 {
			la.Until = catalog.Time(around.AddDate(0, 0, 1+rng.IntN(20)).UTC().Format(text))
			if la.From >= la.Until {
				la.Until = ""
			}
		}
		if rng.IntN(3) == 0 {
			la.TimeZone = pick(rng, "Asia/Tokyo", "America/New_York", "Australia/Lord_Howe", "Europe/London", "Pacific/Apia")
		}
		for range rng.IntN(3) {
			r := catalog.Restriction{From: clock(), To: clock()}
			switch rng.IntN(3) {
			case 0:
				r.From, r.To = catalog.Clock(pick(rng, days...))+" "+r.From, catalog.Clock(pick(rng, days...))+" "+r.To
			case 1:
				for range 1 + rng.IntN(5) {
					r.Days = append(r.Days, pick(rng, days...))
				}
			}
			if rng.IntN(6) == 0 {
				r.To = r.To[:len(r.To)-5] + "24:00"
			}
			la.Restrictions = append(la.Restrictions, r)
		}
		return la
	}
	s := &catalog.Schedule{Meta: catalog.Meta{Name: "s"}, TimeZone: zone}
	if rng.IntN(3) == 0 {
		la := layer(0)
		s.Start, s.Turn, s.Members = la.Start, la.Turn, la.Members
	} else {
		for i := range 1 + rng.IntN(3) {
			s.Layers = append(s.Layers, layer(i))
		}
	}
	for range rng.IntN(3) {
		from := around.Add(time.Duration(rng.Int64N(int64(20*day))) - 10*day)
		o := catalog.Override{Person: pick(rng, people...), From: catalog.Time(from.UTC().Format(text)), To: catalog.Time(from.Add(2*day + time.Duration(rng.Int64N(int64(3*day)))).UTC().Format(text))}
		if rng.IntN(2) == 0 {
			o.Person, o.People = "", []string{"x", pick(rng, people...)}
		}
		if rng.IntN(3) == 0 {
			o.Instead = pick(rng, people...)
		}
		if slices.Contains(o.Crew(), o.Instead) { // refused: nobody stands in for themselves
			o.Instead = ""
		}
		s.Overrides = append(s.Overrides, o)
	}
	var made []Override
	for i := range rng.IntN(5) {
		from := around.Add(time.Duration(rng.Int64N(int64(20*day))) - 10*day)
		o := Override{ID: fmt.Sprint(i), Schedule: pick(rng, "s", "s", "s", "other"), People: []string{pick(rng, people...)}, From: from, To: from.Add(time.Minute + time.Duration(rng.Int64N(int64(5*day)))), At: around.Add(time.Duration(i) * time.Second)}
		if instead := pick(rng, people...); rng.IntN(2) == 0 && instead != o.People[0] {
			o.Instead = instead
		}
		if rng.IntN(4) == 0 {
			o.CancelledAt = from.Add(time.Duration(rng.Int64N(int64(2*day))) - 12*time.Hour)
		}
		made = append(made, o)
	}
	rng.Shuffle(len(made), func(i, j int) { made[i], made[j] = made[j], made[i] })
	return s, made
}

// agree compares the shifts between two times with the oracle: on both sides of every edge, at the given instants, and
// somewhere inside.
func agree(s *catalog.Schedule, made []Override, from, to time.Time, also []time.Time, rng *rand.Rand) error {
	r, err := New(s, made)
	if err != nil {
		return err
	}
	o := &oracle{s: s, made: made}
	at := func(sh Shift, t time.Time) error {
		if got, want := strings.Join(sh.People(), "+"), o.at(t); got != want {
			return fmt.Errorf("at %s: %q, want %q\n%+v\n%+v", t.UTC(), got, want, s, made)
		}
		if one := r.At(t); !slices.Equal(one.Duties, sh.Duties) || !one.From.Equal(sh.From) || !one.To.Equal(sh.To) {
			return fmt.Errorf("at %s alone: %+v, in the list: %+v\n%+v\n%+v", t.UTC(), one, sh, s, made)
		}
		return nil
	}
	shifts := r.Between(from, to)
	for i, sh := range shifts {
		begin, end := later(sh.From, from), earlier(sh.To, to)
		if sh.To.IsZero() {
			end = to
		}
		if i > 0 && (!sh.From.Equal(shifts[i-1].To) || slices.Equal(sh.Duties, shifts[i-1].Duties)) {
			return fmt.Errorf("%+v follows %+v\n%+v\n%+v", sh, shifts[i-1], s, made)
		}
		if !end.After(begin) || i == len(shifts)-1 && end.Before(to) {
			return fmt.Errorf("shift %d of %d is %+v, looking from %s to %s", i, len(shifts), sh, from, to)
		}
		look := []time.Time{begin, end.Add(-1), begin.Add(time.Duration(rng.Int64N(int64(end.Sub(begin)))))}
		for _, c := range also {
			if !c.Before(begin) && c.Before(end) {
				look = append(look, c)
			}
		}
		for _, t := range look {
			if err := at(sh, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// Every zone, ten years: whatever the schedule, each instant has exactly the people that the definition says. Half of the
// looks are around a change of the clocks, the other half anywhere.
func TestEveryInstantHasThePeopleOfTheDefinition(t *testing.T) {
	from, to := time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC)
	everyZone(t, func(zone string, rng *rand.Rand) error {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			return err
		}
		cs := changes(loc, from, to)
		for n := range 6 {
			around := from.Add(time.Duration(rng.Int64N(int64(to.Sub(from)))) / 60e9 * 60e9)
			if len(cs) > 0 && n%2 == 0 {
				around = cs[rng.IntN(len(cs))]
			}
			var also []time.Time
			for _, c := range changes(loc, around.Add(-4*day), around.Add(4*day)) {
				also = append(also, c.Add(-1), c, c.Add(time.Second), c.Add(30*time.Minute), c.Add(-30*time.Minute))
			}
			s, made := anySchedule(rng, zone, around)
			if err := agree(s, made, around.Add(-3*day), around.Add(3*day), also, rng); err != nil {
				return err
			}
		}
		return nil
	})
}

// Every zone, ten years, every second: a schedule whose windows divide the day has one person at each, and turns follow
// each other. The look is around all changes of the clocks, where alone something could go wrong, and at the rest as a whole.
func TestRoundTheClockHasNoGapInAnyZone(t *testing.T) {
	from, to := time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC)
	everyZone(t, func(zone string, _ *rand.Rand) error {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			return err
		}
		third := func(name string, from, to catalog.Clock) catalog.Layer {
			return catalog.Layer{Name: name, Start: "2018-01-01T02:30", Turn: catalog.Every(7 * day), Members: catalog.Crews(name+"1", name+"2"), Restrictions: []catalog.Restriction{{From: from, To: to}}}
		}
		thirds, err := New(&catalog.Schedule{Meta: catalog.Meta{Name: "thirds"}, TimeZone: zone, Layers: []catalog.Layer{
			third("early", "02:30", "10:15"), third("late", "10:15", "18:00"), third("night", "18:00", "02:30")}}, nil)
		if err != nil {
			return err
		}
		for _, c := range changes(loc, from, to) {
			if gaps := thirds.Gaps(c.Add(-2*day), c.Add(2*day)); len(gaps) > 0 {
				return fmt.Errorf("nobody on call in %v", gaps)
			}
		}
		daily, err := New(weekly(zone, "2018-01-01T02:30", day, "a", "b", "c"), nil)
		if err != nil {
			return err
		}
		n := -1
		end := from
		for _, sh := range daily.Between(from, to) {
			if len(sh.Duties) != 1 || n >= 0 && !sh.From.Equal(end) {
				return fmt.Errorf("shift %+v after %s", sh, end)
			}
			if sh.From.Format("15:04") != "02:30" && len(changes(loc, sh.From.Add(-4*time.Hour), sh.From.Add(1))) == 0 {
				return fmt.Errorf("a turn begins at %s", sh.From)
			}
			if now := int(sh.Duties[0].Person[0] - 'a'); n >= 0 && now != (n+1)%3 {
				return fmt.Errorf("%s follows %c", sh.Duties[0].Person, 'a'+n)
			}
			n, end = int(sh.Duties[0].Person[0]-'a'), sh.To
		}
		if end.Before(to) {
			return fmt.Errorf("the last shift ends at %s", end)
		}
		return nil
	})
}

// Clocks that jump over a whole date do not hide a person or a second.
func TestDatesThatClocksSkip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	f := func(zone, around string) {
		t.Helper()
		at, err := time.Parse(text, around)
		if err != nil {
			t.Fatal(err)
		}
		for range 60 {
			s, made := anySchedule(rng, zone, at)
			if err := agree(s, made, at.Add(-5*day), at.Add(5*day), nil, rng); err != nil {
				t.Fatal(err)
			}
		}
	}
	f("Pacific/Apia", "2011-12-30T10:00")
	f("Pacific/Fakaofo", "2011-12-30T11:00")
	f("Pacific/Kiritimati", "1994-12-31T10:00")
	f("Pacific/Kwajalein", "1993-08-21T12:00")
}
