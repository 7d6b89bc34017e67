package rota

import (
	"testing"
	"time"

	"nightkeeper/internal/loop/catalog"
)

// When a turn of months begins, as a person would say it.
func TestTurnsOfMonthsBeginOnTheSameDay(t *testing.T) {
	for _, c := range []struct {
		name, zone, start string
		months            int
		want              []string // beginnings after start, in order
	}{
		{"each month", "UTC", "2026-01-05T09:00", 1, []string{"2026-02-05T09:00:00Z", "2026-03-05T09:00:00Z", "2026-04-05T09:00:00Z"}},
		{"the local hour stays over a change of clocks", "Europe/Berlin", "2026-03-01T09:00", 1, []string{"2026-04-01T09:00:00+02:00", "2026-05-01T09:00:00+02:00"}},
		{"a short month has its last day, and the day comes back", "UTC", "2026-01-31T00:00", 1, []string{"2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z", "2026-04-30T00:00:00Z", "2026-05-31T00:00:00Z"}},
		{"a leap year", "UTC", "2027-12-30T12:00", 1, []string{"2028-01-30T12:00:00Z", "2028-02-29T12:00:00Z", "2028-03-30T12:00:00Z"}},
		{"a quarter, over the new year", "UTC", "2026-08-31T08:00", 3, []string{"2026-11-30T08:00:00Z", "2027-02-28T08:00:00Z", "2027-05-31T08:00:00Z"}},
		{"an hour that clocks skip", "America/New_York", "2026-02-08T02:30", 1, []string{"2026-03-08T03:30:00-04:00", "2026-04-08T02:30:00-04:00"}},
	} {
		s := &catalog.Schedule{Meta: catalog.Meta{Name: "s"}, TimeZone: c.zone, Start: catalog.Time(c.start), Turn: catalog.Turn{Months: c.months}, Members: catalog.Crews("ana", "ben")}
		r, err := New(s, nil)
		if err != nil {
			t.Fatal(err)
		}
		loc, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		at, err := catalog.Time(c.start).In(loc)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range c.want {
			sh := r.At(at)
			if got := sh.To.Format(time.RFC3339); got != want || sh.People()[0] != []string{"ana", "ben"}[i%2] {
				t.Errorf("%s: turn %d of %v ends at %s, want %s", c.name, i, sh.People(), got, want)
			}
			at = sh.To
		}
		// Before the first turn of a layer with a life of its own they go on backwards.
		s = &catalog.Schedule{Meta: catalog.Meta{Name: "s"}, TimeZone: c.zone, Layers: []catalog.Layer{{Name: "l", Start: catalog.Time(c.start), From: "2020-01-01", Turn: catalog.Turn{Months: c.months}, Members: catalog.Crews("ana", "ben")}}}
		if r, err = New(s, nil); err != nil {
			t.Fatal(err)
		}
		first, err := catalog.Time(c.start).In(loc)
		if err != nil {
			t.Fatal(err)
		}
		if sh := r.At(first.Add(-time.Second)); sh.People()[0] != "ben" || !sh.To.Equal(first) {
			t.Errorf("%s: before the start %v until %s, want ben until %s", c.name, sh.People(), sh.To, first)
		}
	}
}
