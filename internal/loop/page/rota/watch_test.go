package rota

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/loop/catalog"
)

// told plays the looks of a schedule from one due time to the next and returns what was said, and when.
func told(t *testing.T, r func(now time.Time) *Rota, lead time.Duration, from, to time.Time) []string {
	t.Helper()
	var out []string
	var w Watch
	var tells []Tell
	for now, n := from, 0; now.Before(to); n++ {
		var due time.Time
		w, tells, due = r(now).Look(w, lead, now)
		for _, x := range tells {
			line := fmt.Sprintf("%s %s %s", now.Format("02T15:04"), x.Person, x.Kind)
			if len(x.With) > 0 {
				line += " " + strings.Join(x.With, "+")
			}
			out = append(out, line)
		}
		if !due.After(now) || n > 10000 {
			t.Fatalf("at %s the next look is at %s", now, due)
		}
		now = due
	}
	return out
}

func TestPeopleAreToldBeforeWhenAndAfter(t *testing.T) {
	s := weekly("UTC", "2026-01-05T09:00", week)
	s.Members = []catalog.Crew{{"ana"}, {"ben", "cem"}}
	r := rota(t, s)
	got := told(t, func(time.Time) *Rota { return r }, day, in(t, "UTC", "2026-01-06T00:00:00"), in(t, "UTC", "2026-01-21T00:00:00"))
	want := []string{
		"11T09:00 ben soon cem", "11T09:00 cem soon ben",
		"12T09:00 ben now cem", "12T09:00 cem now ben", "12T09:00 ana over ben+cem",
		"18T09:00 ana soon", "19T09:00 ana now", "19T09:00 ben over ana", "19T09:00 cem over ana",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestTurnsOfOnePersonAndPausesOverNightAreNotSpokenOf(t *testing.T) {
	r := rota(t, weekly("UTC", "2026-01-05T09:00", day, "solo"))
	if got := told(t, func(time.Time) *Rota { return r }, day, in(t, "UTC", "2026-01-06T00:00:00"), in(t, "UTC", "2026-01-21T00:00:00")); len(got) > 0 {
		t.Errorf("%q", got)
	}
	office := rota(t, &catalog.Schedule{Meta: catalog.Meta{Name: "s"}, TimeZone: "UTC", Layers: []catalog.Layer{{Name: "office", Start: "2026-01-05T09:00", Turn: catalog.Every(week), Members: catalog.Crews("ana", "ben"),
		Restrictions: []catalog.Restriction{{Days: []catalog.Weekday{"mon", "tue", "wed", "thu", "fri"}, From: "09:00", To: "17:00"}}}}})
	got := told(t, func(time.Time) *Rota { return office }, day, in(t, "UTC", "2026-01-05T12:00:00"), in(t, "UTC", "2026-01-17T00:00:00"))
	want := []string{"09T17:00 ana over", "11T09:00 ben soon", "12T09:00 ben now", "16T17:00 ben over"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	// With a lead of an hour each morning is spoken of.
	got = told(t, func(time.Time) *Rota { return office }, time.Hour, in(t, "UTC", "2026-01-05T12:00:00"), in(t, "UTC", "2026-01-07T00:00:00"))
	want = []string{"05T17:00 ana over", "06T08:00 ana soon", "06T09:00 ana now", "06T17:00 ana over"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnOverrideThatBeginsNowIsSaidNow(t *testing.T) {
	s := weekly("UTC", "2026-01-05T09:00", week, "ana", "ben")
	o := made("o", "2026-01-07T12:00", "2026-01-08T12:00", 1, "cem")
	o.Instead = "ana"
	before, after := rota(t, s), rota(t, s, o)
	now := in(t, "UTC", "2026-01-07T12:00:00")
	w, _, _ := before.Look(Watch{}, day, now.Add(-time.Minute))
	w, tells, due := after.Look(w, day, now)
	if len(tells) != 3 || tells[1].Person != "cem" || tells[1].Kind != TellNow || !tells[1].To.Equal(o.To) || tells[2].Person != "ana" || tells[2].Kind != TellOver ||
		tells[0].Person != "ana" || tells[0].Kind != TellSoon || !tells[0].From.Equal(o.To) {
		t.Errorf("%+v", tells)
	}
	if len(w.On) != 1 || w.On[0] != "cem" || due.After(now.Add(lookEvery)) {
		t.Errorf("%+v, due %s", w, due)
	}
	if _, again, _ := after.Look(w, day, now); len(again) > 0 {
		t.Errorf("said twice: %+v", again)
	}
}

func TestFirstLookTellsNobody(t *testing.T) {
	r := rota(t, weekly("UTC", "2026-01-05T09:00", week, "ana", "ben"))
	w, tells, _ := r.Look(Watch{}, day, in(t, "UTC", "2026-01-12T08:00:00"))
	if len(tells) > 0 || !slices.Equal(w.On, []string{"ana"}) || len(w.Soon) != 1 {
		t.Errorf("%+v, %+v", w, tells)
	}
}

// Whatever the schedule and however late the looks: whoever is on call was told so, nobody twice without an end in between,
// and the word that it is over comes after the word that it began.
func TestWhoeverIsOnCallWasTold(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		around := time.Date(2026, 3, 20+rng.IntN(20), rng.IntN(24), rng.IntN(60), 0, 0, time.UTC)
		s, made := anySchedule(rng, pick(rng, "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"), around)
		r, err := New(s, made)
		if err != nil {
			t.Fatal(err)
		}
		lead := pick(rng, time.Hour, 12*time.Hour, day, 3*day)
		var w Watch
		var tells []Tell
		said := map[string]bool{}
		for now := around.Add(-4 * day); now.Before(around.Add(4 * day)); {
			first := w.At.IsZero()
			var due time.Time
			w, tells, due = r.Look(w, lead, now)
			if first {
				for _, p := range w.On {
					said[p] = true
				}
			}
			for _, x := range tells {
				switch x.Kind {
				case TellNow:
					if said[x.Person] {
						t.Fatalf("at %s %s is told again\n%+v\n%+v", now, x.Person, s, made)
					}
					said[x.Person] = true
				case TellOver:
					if !said[x.Person] || slices.Contains(r.At(now).People(), x.Person) {
						t.Fatalf("at %s it is over for %s, who is on call or never was\n%+v\n%+v", now, x.Person, s, made)
					}
					delete(said, x.Person)
				case TellSoon:
					if !slices.Contains(r.At(x.From).People(), x.Person) || x.From.After(now.Add(lead)) {
						t.Fatalf("at %s %s is told of %s\n%+v\n%+v", now, x.Person, x.From, s, made)
					}
				}
			}
			for _, p := range r.At(now).People() {
				if !said[p] {
					t.Fatalf("at %s %s is on call and was not told\n%+v\n%+v", now, p, s, made)
				}
			}
			now = due.Add(time.Duration(rng.IntN(3)) * time.Hour * time.Duration(rng.IntN(2)))
		}
	}
}
