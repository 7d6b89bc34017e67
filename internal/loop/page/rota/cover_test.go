package rota

import (
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
)

func TestTakingACover(t *testing.T) {
	now := in(t, "UTC", "2026-01-06T12:00:00")
	c := Cover{ID: "cv_1", Schedule: "s", Person: "ana", From: now.Add(-time.Hour), To: now.Add(5 * time.Hour), Reason: "dentist", State: CoverOpen}
	taken, o, err := c.Take(&catalog.Catalog{}, "cem", "admin", now)
	if err != nil || taken.State != CoverTaken || taken.TakenBy != "cem" || taken.EndedBy != "admin" || !taken.EndedAt.Equal(now) {
		t.Fatalf("%+v, %v", taken, err)
	}
	if o.Instead != "ana" || o.People[0] != "cem" || !o.From.Equal(now) || !o.To.Equal(c.To) || o.Cover != "cv_1" || o.Reason != "covers for ana: dentist" || o.By != "admin" {
		t.Errorf("%+v", o)
	}
	refused := func(c Cover, person string, at time.Time, want errs.Code) {
		t.Helper()
		if _, _, err := c.Take(&catalog.Catalog{}, person, person, at); !errs.Is(err, want) {
			t.Errorf("%+v by %s: %v, want %s", c, person, err, want)
		}
	}
	refused(taken, "dora", now, errs.Conflict)
	refused(c, "ana", now, errs.Invalid)
	refused(c, "cem", c.To, errs.Conflict)
	c.State = CoverCancelled
	refused(c, "cem", now, errs.Conflict)
}

func TestCoverIsAskedForTimeOnCall(t *testing.T) {
	cat := &catalog.Catalog{People: map[string]*catalog.Person{"ana": {}, "ben": {}}}
	r := rota(t, weekly("UTC", "2026-01-05T09:00", week, "ana", "ben"))
	now := in(t, "UTC", "2026-01-06T12:00:00")
	f := func(person, from, to string, ok bool) {
		t.Helper()
		c := Cover{Schedule: "s", Person: person, From: in(t, "UTC", from), To: in(t, "UTC", to)}
		if err := c.Check(cat, r, now); (err == nil) != ok || err != nil && !errs.Is(err, errs.Invalid) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	f("ana", "2026-01-07T00:00:00", "2026-01-08T00:00:00", true)
	f("ben", "2026-01-07T00:00:00", "2026-01-08T00:00:00", false)
	f("ben", "2026-01-12T00:00:00", "2026-01-13T00:00:00", true)
	f("ana", "2026-01-01T00:00:00", "2026-01-02T00:00:00", false)
	f("zoe", "2026-01-07T00:00:00", "2026-01-08T00:00:00", false)
	f("ana", "2026-01-07T00:00:00", "2028-01-08T00:00:00", false)
}

func TestSwapExchangesTwoShifts(t *testing.T) {
	s := weekly("UTC", "2026-01-05T09:00", week, "ana", "ben", "cem")
	r := rota(t, s)
	find := func(name string) (*Rota, error) {
		if name != "s" {
			return nil, errs.New(errs.NotFound, "there is no schedule %q", name)
		}
		return r, nil
	}
	now := in(t, "UTC", "2026-01-06T12:00:00")
	half := func(person, from, to string) Half {
		return Half{"s", person, in(t, "UTC", from), in(t, "UTC", to)}
	}
	a, b := half("ben", "2026-01-12T09:00:00", "2026-01-19T09:00:00"), half("cem", "2026-01-19T09:00:00", "2026-01-26T09:00:00")
	os, err := Swap{A: a, B: b, Reason: "wedding", By: "ben"}.Overrides(&catalog.Catalog{}, now, find)
	if err != nil {
		t.Fatal(err)
	}
	os[0].ID, os[1].ID = "1", "2"
	want(t, rota(t, s, os[:]...).Between(in(t, "UTC", "2026-01-06T00:00:00"), in(t, "UTC", "2026-02-01T00:00:00")),
		"ana 05T09:00 12T09:00", "cem 12T09:00 19T09:00 swapped with ben: wedding", "ben 19T09:00 26T09:00 swapped with cem: wedding", "ana 26T09:00 02T09:00")
	refused := func(a, b Half, code errs.Code) {
		t.Helper()
		if _, err := (Swap{A: a, B: b, By: "ben"}).Overrides(&catalog.Catalog{}, now, find); !errs.Is(err, code) {
			t.Errorf("%+v, %+v: %v, want %s", a, b, err, code)
		}
	}
	refused(a, a, errs.Invalid)
	refused(a, half("cem", "2026-01-18T09:00:00", "2026-01-26T09:00:00"), errs.Invalid)
	refused(a, half("ana", "2026-01-19T09:00:00", "2026-01-26T09:00:00"), errs.Invalid)
	refused(half("ana", "2026-01-05T09:00:00", "2026-01-06T09:00:00"), b, errs.Invalid) // it is over
	other := b
	other.Schedule = "x"
	refused(a, other, errs.NotFound)
}
