package detect

import (
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
)

var night = time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC) // a Friday

func silence(change func(*Silence)) Silence {
	s := Silence{Match: []string{`service="checkout"`}, StartsAt: night, EndsAt: night.Add(2 * time.Hour), CreatedBy: "mira", Comment: "disk is replaced"}
	if change != nil {
		change(&s)
	}
	return s
}

func TestSilenceThatMakesNoSenseIsRefusedWithWhatWouldBeRight(t *testing.T) {
	for _, c := range []struct {
		change func(*Silence)
		want   string
	}{
		{func(s *Silence) { s.Match = nil }, "match is missing"},
		{func(s *Silence) { s.Match = []string{"service~checkout"} }, "is not a matcher"},
		{func(s *Silence) { s.Match = []string{`service=~"(("`} }, "is not a matcher"},
		{func(s *Silence) { s.Match = []string{`service=~".*"`, `team!="x"`} }, "would mute every alert"},
		{func(s *Silence) { s.EndsAt = s.StartsAt }, "is not after"},
		{func(s *Silence) { s.StartsAt, s.EndsAt = night.Add(-2*time.Hour), night.Add(-time.Hour) }, "in the past"},
		{func(s *Silence) { s.EndsAt = time.Time{} }, "needs starts_at and ends_at"},
		{func(s *Silence) { s.EndsAt = night.AddDate(2, 0, 0) }, "at most 366 days"},
		{func(s *Silence) { s.CreatedBy = " " }, "created_by is missing"},
		{func(s *Silence) { s.Comment = "" }, "comment is missing"},
		{func(s *Silence) { s.Weekly = &catalog.Hours{Days: []string{"monday"}, From: "1:00", To: "2:00"} }, "is not a day"},
		{func(s *Silence) { s.Weekly = &catalog.Hours{From: "25:00", To: "02:00"} }, "is not a time of day"},
		{func(s *Silence) { s.Weekly = &catalog.Hours{From: "01:00", To: "02:00", TimeZone: "Mars/Base"} }, "is not a time zone"},
		{func(s *Silence) { s.Weekly = &catalog.Hours{TimeZone: "Mars/Base"} }, `"Mars/Base" is not a time zone; write an IANA name such as Europe/Berlin`},
		{func(s *Silence) { s.Weekly = &catalog.Hours{Days: []string{"sat"}} }, "has from and to"},
	} {
		_, err := silence(c.change).check(night)
		if !errs.Is(err, errs.Invalid) || !strings.Contains(errs.Message(err), c.want) {
			t.Errorf("got %v, want invalid with %q", err, c.want)
		}
	}
	if _, err := silence(nil).check(night); err != nil {
		t.Error(err)
	}
}

func TestSilenceMutesWhatItNamesWhileItLasts(t *testing.T) {
	s, err := silence(nil).check(night)
	if err != nil {
		t.Fatal(err)
	}
	if !s.Mutes(Alert{Labels: map[string]string{"service": "checkout", "x": "y"}}) || s.Mutes(Alert{Labels: map[string]string{"service": "cart"}}) || s.Mutes(Alert{}) {
		t.Error("it mutes something else")
	}
	for after, want := range map[time.Duration]string{-time.Second: "pending", 0: "active", 2*time.Hour - 1: "active", 2 * time.Hour: "expired"} {
		if got := s.State(night.Add(after)); got != want {
			t.Errorf("after %s: %s, want %s", after, got, want)
		}
	}
}

func TestRecurringSilenceMutesInItsWindows(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	s := silence(func(s *Silence) {
		s.EndsAt = night.AddDate(0, 6, 0)
		s.Weekly = &catalog.Hours{Days: []string{"fri", "sat"}, From: "22:30", To: "02:00", TimeZone: "Europe/Berlin"}
	})
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 11, day, hour, minute, 0, 0, berlin) }
	for _, c := range []struct {
		t    time.Time
		want bool
	}{
		{at(27, 22, 29), false}, {at(27, 22, 30), true}, {at(28, 1, 59), true}, {at(28, 2, 0), false}, // Friday night
		{at(28, 23, 0), true}, {at(29, 1, 0), true}, {at(29, 23, 0), false}, // Saturday night, and no Sunday night
	} {
		if got := s.Active(c.t); got != c.want {
			t.Errorf("%s: %v, want %v", c.t, got, c.want)
		}
	}
	// Every change is found by stepping from one to the next, over a clock change too, and nothing changes in between.
	now, changes := night, 0
	for next := s.NextChange(now); !next.IsZero() && changes < 60; next = s.NextChange(now) {
		if !next.After(now) {
			t.Fatalf("the next change after %s is %s", now, next)
		}
		was := s.Active(next.Add(-time.Nanosecond))
		if mid := now.Add(next.Sub(now) / 2); s.Active(mid) != was {
			t.Fatalf("between %s and %s something changes", now, next)
		}
		if s.Active(next) == was {
			t.Fatalf("nothing changes at %s", next)
		}
		now, changes = next, changes+1
	}
	if changes < 50 {
		t.Errorf("%d changes in half a year of two nights a week", changes)
	}
	if !s.NextChange(s.EndsAt).IsZero() {
		t.Error("a silence that is over changes again")
	}
}
