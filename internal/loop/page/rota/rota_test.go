package rota

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"nightkeeper/internal/loop/catalog"
)

func weekly(zone, start string, turn time.Duration, members ...string) *catalog.Schedule {
	return &catalog.Schedule{Meta: catalog.Meta{Name: "s"}, TimeZone: zone, Start: catalog.Time(start), Turn: catalog.Duration(turn), Members: members}
}

func in(t testing.TB, zone, s string) time.Time {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02T15:04:05", s, loc)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

const (
	week = 7 * day
	iso  = "2006-01-02T15:04:05-07:00"
)

func TestWhoIsOnCall(t *testing.T) {
	const berlin, york, howe = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"
	f := func(s *catalog.Schedule, at, person, from, to string) {
		t.Helper()
		sh, err := At(s, in(t, s.TimeZone, at))
		if err != nil {
			t.Errorf("%s: %v", at, err)
			return
		}
		loc := sh.From.Location()
		if got := fmt.Sprint(sh.Person, " ", sh.From.In(loc).Format(iso), " ", sh.To.In(loc).Format(iso)); got != person+" "+from+" "+to {
			t.Errorf("at %s:\n got %s\nwant %s %s %s", at, got, person, from, to)
		}
	}
	b := weekly(berlin, "2026-01-05T09:00", week, "ana", "ben", "cem")
	f(b, "2026-01-05T09:00:00", "ana", "2026-01-05T09:00:00+01:00", "2026-01-12T09:00:00+01:00")
	f(b, "2026-01-12T08:59:59", "ana", "2026-01-05T09:00:00+01:00", "2026-01-12T09:00:00+01:00")
	f(b, "2026-01-12T09:00:00", "ben", "2026-01-12T09:00:00+01:00", "2026-01-19T09:00:00+01:00")
	// Clocks go forward on 29 March: the handover stays at nine.
	f(b, "2026-03-29T03:00:00", "cem", "2026-03-23T09:00:00+01:00", "2026-03-30T09:00:00+02:00")
	f(b, "2026-03-30T08:59:59", "cem", "2026-03-23T09:00:00+01:00", "2026-03-30T09:00:00+02:00")
	f(b, "2026-03-30T09:00:00", "ana", "2026-03-30T09:00:00+02:00", "2026-04-06T09:00:00+02:00")
	// And back on 25 October.
	f(b, "2026-10-25T12:00:00", "cem", "2026-10-19T09:00:00+02:00", "2026-10-26T09:00:00+01:00")

	y := weekly(york, "2026-01-01T17:00", day, "ana", "ben")
	f(y, "2026-03-08T12:00:00", "ben", "2026-03-07T17:00:00-05:00", "2026-03-08T17:00:00-04:00")
	f(y, "2026-11-01T01:30:00", "ben", "2026-10-31T17:00:00-04:00", "2026-11-01T17:00:00-05:00")

	// Lord Howe moves its clocks by half an hour.
	h := weekly(howe, "2026-01-01T00:00", day, "ana", "ben")
	f(h, "2026-04-05T12:00:00", "ana", "2026-04-05T00:00:00+11:00", "2026-04-06T00:00:00+10:30")

	// A turn of hours is elapsed time: after the clocks change its local hour is another.
	hours := weekly(berlin, "2026-03-28T20:00", 12*time.Hour, "ana", "ben")
	f(hours, "2026-03-29T12:00:00", "ben", "2026-03-29T09:00:00+02:00", "2026-03-29T21:00:00+02:00")

	// Before the start the first member is on call until it.
	f(b, "2026-01-01T00:00:00", "ana", "2026-01-01T00:00:00+01:00", "2026-01-05T09:00:00+01:00")
	// One member takes every turn.
	f(weekly("UTC", "2026-01-01", week, "solo"), "2026-06-01T00:00:00", "solo", "2026-05-28T00:00:00+00:00", "2026-06-04T00:00:00+00:00")
}

func TestStartWithAZoneOfItsOwn(t *testing.T) {
	s := weekly("Europe/Berlin", "2026-01-05T09:00:00Z", week, "ana", "ben")
	sh, err := At(s, time.Date(2026, 1, 12, 9, 30, 0, 0, time.UTC))
	if err != nil || sh.Person != "ben" || !sh.From.Equal(time.Date(2026, 1, 12, 9, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v, %v", sh, err)
	}
}

func TestOverridesReplaceAndClip(t *testing.T) {
	s := weekly("Europe/Berlin", "2026-01-05T09:00", week, "ana", "ben")
	s.Overrides = []catalog.Override{
		{Person: "cem", From: "2026-01-07T12:00", To: "2026-01-08T12:00", Reason: "dentist"},
		{Person: "dora", From: "2026-01-12T08:00", To: "2026-01-12T10:00"}, // over a handover
	}
	got, err := Between(s, in(t, "Europe/Berlin", "2026-01-05T09:00:00"), in(t, "Europe/Berlin", "2026-01-19T09:00:00"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, sh := range got {
		lines = append(lines, sh.Person+" "+sh.From.Format("02T15:04")+" "+sh.To.Format("02T15:04")+" "+sh.Reason)
	}
	want := []string{
		"ana 05T09:00 07T12:00 ", "cem 07T12:00 08T12:00 dentist", "ana 08T12:00 12T08:00 ", "dora 12T08:00 12T10:00 ", "ben 12T10:00 19T09:00 ",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got %q\nwant %q", lines, want)
	}
	if !got[1].Override || got[0].Override {
		t.Errorf("overrides are not marked: %+v", got)
	}
}

func TestOverrideThatBeginsInsideAnother(t *testing.T) {
	s := weekly("UTC", "2026-01-05", week, "ana")
	s.Overrides = []catalog.Override{
		{Person: "cem", From: "2026-01-06T00:00", To: "2026-01-08T00:00"},
		{Person: "dora", From: "2026-01-07T00:00", To: "2026-01-09T00:00"},
	}
	noGap(t, s, in(t, "UTC", "2026-01-05T00:00:00"), in(t, "UTC", "2026-01-12T00:00:00"))
	sh, err := At(s, in(t, "UTC", "2026-01-08T12:00:00"))
	if err != nil || sh.Person != "dora" {
		t.Errorf("%+v, %v", sh, err)
	}
}

func TestOverrideBeforeTheScheduleStarts(t *testing.T) {
	s := weekly("UTC", "2026-02-01", week, "ana", "ben")
	s.Overrides = []catalog.Override{{Person: "cem", From: "2026-01-10", To: "2026-01-12"}}
	noGap(t, s, in(t, "UTC", "2026-01-01T00:00:00"), in(t, "UTC", "2026-03-01T00:00:00"))
}

func TestScheduleThatCannotBeReadSaysSo(t *testing.T) {
	f := func(s *catalog.Schedule) {
		t.Helper()
		if sh, err := At(s, time.Now()); err == nil {
			t.Errorf("%+v gave %+v", s, sh)
		}
		if _, err := Between(s, time.Now(), time.Now().Add(time.Hour)); err == nil {
			t.Errorf("%+v gave shifts", s)
		}
	}
	f(weekly("Mars/Olympus", "2026-01-05", week, "ana"))
	f(weekly("UTC", "soon", week, "ana"))
	f(weekly("UTC", "2026-01-05", week))
	f(weekly("UTC", "2026-01-05", 0, "ana"))
}

// noGap checks that shifts touch each other, and that At gives the same shift wherever one looks into it.
func noGap(t *testing.T, s *catalog.Schedule, from, to time.Time) {
	t.Helper()
	shifts, err := Between(s, from, to)
	if err != nil {
		t.Fatal(err)
	}
	if shifts[0].From.After(from) || shifts[len(shifts)-1].To.Before(to) {
		t.Fatalf("%+v: shifts from %s to %s do not cover %s to %s", s, shifts[0].From, shifts[len(shifts)-1].To, from, to)
	}
	for i, sh := range shifts {
		if !sh.To.After(sh.From) || sh.Person == "" {
			t.Fatalf("%+v: shift %+v", s, sh)
		}
		if i > 0 && !sh.From.Equal(shifts[i-1].To) {
			t.Fatalf("%+v: between %s and %s nobody or two are on call", s, shifts[i-1].To, sh.From)
		}
		for _, at := range []time.Time{sh.From, sh.From.Add(sh.To.Sub(sh.From) / 2), sh.To.Add(-time.Nanosecond)} {
			if at.Before(from) {
				continue
			}
			got, err := At(s, at)
			if err != nil || got.Person != sh.Person || !got.To.Equal(sh.To) {
				t.Fatalf("%+v: at %s %+v (%v), in the list %+v", s, at, got, err, sh)
			}
		}
	}
}

func TestNoGapAndNoOverlapInAnyZoneOrYear(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo", "Africa/Cairo", "Pacific/Apia"}
	rng := rand.New(rand.NewPCG(7, 7))
	for range 300 {
		zone := zones[rng.IntN(len(zones))]
		year := 2008 + rng.IntN(30)
		start := time.Date(year, time.Month(1+rng.IntN(12)), 1+rng.IntN(28), rng.IntN(24), rng.IntN(60), 0, 0, time.UTC)
		turn := []time.Duration{time.Hour, 8 * time.Hour, 12 * time.Hour, day, day, 2 * day, week, week, 14 * day}[rng.IntN(9)]
		s := weekly(zone, start.Format("2006-01-02T15:04"), turn, []string{"a", "b", "c", "d"}[:1+rng.IntN(4)]...)
		for range rng.IntN(5) {
			from := start.Add(time.Duration(rng.Int64N(int64(60*day))) - 10*day)
			s.Overrides = append(s.Overrides, catalog.Override{Person: "o", From: catalog.Time(from.Format("2006-01-02T15:04")),
				To: catalog.Time(from.Add(time.Hour + time.Duration(rng.Int64N(int64(10*day)))).Format("2006-01-02T15:04"))})
		}
		noGap(t, s, start.Add(-5*day), start.Add(min(60*day, 40*turn)))
	}
}

func TestEverybodyTakesTheSameNumberOfTurns(t *testing.T) {
	s := weekly("Europe/Berlin", "2026-01-05T09:00", week, "ana", "ben", "cem")
	shifts, err := Between(s, in(t, "Europe/Berlin", "2026-01-05T09:00:00"), in(t, "Europe/Berlin", "2028-02-01T09:00:00"))
	if err != nil {
		t.Fatal(err)
	}
	for i, sh := range shifts {
		if want := s.Members[i%3]; sh.Person != want {
			t.Fatalf("turn %d is %s's, want %s", i, sh.Person, want)
		}
	}
}
