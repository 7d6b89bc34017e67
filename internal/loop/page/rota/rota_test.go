package rota

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
)

func weekly(zone, start string, turn time.Duration, members ...string) *catalog.Schedule {
	return &catalog.Schedule{Meta: catalog.Meta{Name: "s"}, TimeZone: zone, Start: catalog.Time(start), Turn: catalog.Every(turn), Members: catalog.Crews(members...)}
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

func rota(t testing.TB, s *catalog.Schedule, made ...Override) *Rota {
	t.Helper()
	r, err := New(s, made)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const (
	week = 7 * day
	iso  = "2006-01-02T15:04:05-07:00"
)

func TestWhoIsOnCall(t *testing.T) {
	const berlin, york, howe, apia, sydney, kathmandu = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Australia/Sydney", "Asia/Kathmandu"
	f := func(s *catalog.Schedule, at, person, from, to string) {
		t.Helper()
		sh := rota(t, s).At(in(t, s.TimeZone, at))
		show := func(at time.Time) string {
			if at.IsZero() {
				return "-"
			}
			return at.Format(iso)
		}
		if got := fmt.Sprint(strings.Join(sh.People(), "+"), " ", show(sh.From), " ", show(sh.To)); got != person+" "+from+" "+to {
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

	// In the south the clocks change the other way.
	s := weekly(sydney, "2026-01-05T09:00", week, "ana", "ben")
	f(s, "2026-04-05T12:00:00", "ana", "2026-03-30T09:00:00+11:00", "2026-04-06T09:00:00+10:00")
	f(s, "2026-10-04T12:00:00", "ana", "2026-09-28T09:00:00+10:00", "2026-10-05T09:00:00+11:00")

	// Lord Howe moves its clocks by half an hour.
	h := weekly(howe, "2026-01-01T00:00", day, "ana", "ben")
	f(h, "2026-04-05T12:00:00", "ana", "2026-04-05T00:00:00+11:00", "2026-04-06T00:00:00+10:30")
	f(weekly(howe, "2026-10-01T02:15", day, "ana", "ben"), "2026-10-04T12:00:00", "ben", "2026-10-04T02:45:00+11:00", "2026-10-05T02:15:00+11:00")

	// A zone of a quarter of an hour.
	f(weekly(kathmandu, "2026-01-01T09:00", day, "ana", "ben"), "2026-01-02T08:59:59", "ana", "2026-01-01T09:00:00+05:45", "2026-01-02T09:00:00+05:45")

	// A handover at a time that clocks skip is as much later, and of two it is at the first.
	g := weekly(berlin, "2026-03-27T02:30", day, "ana", "ben")
	f(g, "2026-03-29T03:29:59", "ben", "2026-03-28T02:30:00+01:00", "2026-03-29T03:30:00+02:00")
	f(g, "2026-03-29T03:30:00", "ana", "2026-03-29T03:30:00+02:00", "2026-03-30T02:30:00+02:00")
	f(weekly(berlin, "2026-10-24T02:30", day, "ana", "ben"), "2026-10-25T12:00:00", "ben", "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00")
	f(weekly(berlin, "2026-03-29T02:30", day, "ana", "ben"), "2026-03-30T12:00:00", "ben", "2026-03-30T02:30:00+02:00", "2026-03-31T02:30:00+02:00")

	// Samoa had no 30 December 2011: the turn of that date is nobody's.
	a := weekly(apia, "2011-12-28T09:00", day, "ana", "ben", "cem", "dora")
	f(a, "2011-12-29T12:00:00", "ben", "2011-12-29T09:00:00-10:00", "2011-12-31T09:00:00+14:00")
	f(a, "2011-12-31T09:00:00", "dora", "2011-12-31T09:00:00+14:00", "2012-01-01T09:00:00+14:00")

	// A turn of hours is elapsed time: after the clocks change its local hour is another.
	hours := weekly(berlin, "2026-03-28T20:00", 12*time.Hour, "ana", "ben")
	f(hours, "2026-03-29T12:00:00", "ben", "2026-03-29T09:00:00+02:00", "2026-03-29T21:00:00+02:00")
	// So is one of a day and a second, but 604800 s is a week.
	f(weekly(berlin, "2026-03-28T20:00", day+time.Second, "ana", "ben"), "2026-03-29T21:00:01", "ben", "2026-03-29T21:00:01+02:00", "2026-03-30T21:00:02+02:00")
	f(weekly(berlin, "2026-03-23T09:00", 604800*time.Second, "ana", "ben"), "2026-03-29T21:00:00", "ana", "2026-03-23T09:00:00+01:00", "2026-03-30T09:00:00+02:00")

	// Before the start of a simple schedule the first member is on call until it.
	f(b, "2026-01-01T00:00:00", "ana", "-", "2026-01-05T09:00:00+01:00")
	// One member takes every turn.
	f(weekly("UTC", "2026-01-01", week, "solo"), "2026-06-01T00:00:00", "solo", "2026-05-28T00:00:00+00:00", "2026-06-04T00:00:00+00:00")
	// Several people at once, once each.
	pair := weekly("UTC", "2026-01-01", week)
	pair.Members = []catalog.Crew{{"ana", "ben", "ana"}, {"cem"}}
	f(pair, "2026-01-01T00:00:00", "ana+ben", "2026-01-01T00:00:00+00:00", "2026-01-08T00:00:00+00:00")
}

func TestStartWithAZoneOfItsOwn(t *testing.T) {
	sh := rota(t, weekly("Europe/Berlin", "2026-01-05T09:00:00Z", week, "ana", "ben")).At(time.Date(2026, 1, 12, 9, 30, 0, 0, time.UTC))
	if sh.Duties[0].Person != "ben" || !sh.From.Equal(time.Date(2026, 1, 12, 9, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", sh)
	}
}

// lines writes shifts as "people day T hour", for tables.
func lines(shifts []Shift) []string {
	var out []string
	for _, sh := range shifts {
		to := "-"
		if !sh.To.IsZero() {
			to = sh.To.Format("02T15:04")
		}
		from := "-"
		if !sh.From.IsZero() {
			from = sh.From.Format("02T15:04")
		}
		who := strings.Join(sh.People(), "+")
		if who == "" {
			who = "nobody"
		}
		why := ""
		if len(sh.Duties) > 0 {
			d := sh.Duties[0]
			why = strings.TrimSpace(d.Layer + " " + d.Reason)
		}
		out = append(out, strings.TrimSpace(who+" "+from+" "+to+" "+why))
	}
	return out
}

func want(t *testing.T, got []Shift, want ...string) {
	t.Helper()
	if g := lines(got); !slices.Equal(g, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(g, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestLaterLayerStandsWhereItHasSomebody(t *testing.T) {
	s := &catalog.Schedule{Meta: catalog.Meta{Name: "s"}, TimeZone: "Europe/Berlin", Layers: []catalog.Layer{
		{Name: "nights", Start: "2026-01-05T09:00", Turn: catalog.Every(week), Members: catalog.Crews("ana", "ben")},
		{Name: "office", Start: "2026-01-05T09:00", Turn: catalog.Every(day), Members: []catalog.Crew{{"cem", "dora"}, {"eva"}},
			Restrictions: []catalog.Restriction{{Days: []catalog.Weekday{"mon", "tue", "wed", "thu", "Friday"}, From: "09:00", To: "17:00"}}},
	}}
	want(t, rota(t, s).Between(in(t, "Europe/Berlin", "2026-01-08T10:00:00"), in(t, "Europe/Berlin", "2026-01-12T18:00:00")),
		"eva 08T09:00 08T17:00 office", "ana 08T17:00 09T09:00 nights", "cem+dora 09T09:00 09T17:00 office", "ana 09T17:00 12T09:00 nights",
		"eva 12T09:00 12T17:00 office", "ben 12T17:00 13T09:00 nights")
}

func TestLayerIsThereFromItsFromUntilItsUntil(t *testing.T) {
	s := &catalog.Schedule{Meta: catalog.Meta{Name: "s"}, TimeZone: "UTC", Layers: []catalog.Layer{
		{Name: "a", Start: "2026-01-10", From: "2026-01-03", Until: "2026-01-06", Turn: catalog.Every(2 * day), Members: catalog.Crews("ana", "ben", "cem")},
		{Name: "b", Start: "2026-01-08", Turn: catalog.Every(day), Members: catalog.Crews("dora")},
	}}
	want(t, rota(t, s).Between(in(t, "UTC", "2026-01-01T00:00:00"), in(t, "UTC", "2026-01-09T00:00:00")),
		"nobody - 03T00:00", "cem 03T00:00 04T00:00 a", "ana 04T00:00 06T00:00 a", "nobody 06T00:00 08T00:00", "dora 08T00:00 09T00:00 b")
	got := rota(t, s).Gaps(in(t, "UTC", "2026-01-02T00:00:00"), in(t, "UTC", "2026-02-01T00:00:00"))
	if len(got) != 2 || got[0].From.Day() != 2 || got[0].To.Day() != 3 || got[1].From.Day() != 6 || got[1].To.Day() != 8 {
		t.Errorf("gaps %v", got)
	}
}

func TestRestrictions(t *testing.T) {
	f := func(r catalog.Restriction, lines ...string) {
		t.Helper()
		s := &catalog.Schedule{Meta: catalog.Meta{Name: "s"}, TimeZone: "Europe/Berlin", Layers: []catalog.Layer{
			{Start: "2026-03-02T00:00", Turn: catalog.Every(7 * day), Members: catalog.Crews("ana"), Restrictions: []catalog.Restriction{r}}}}
		want(t, rota(t, s).Between(in(t, "Europe/Berlin", "2026-03-28T00:00:00"), in(t, "Europe/Berlin", "2026-03-30T00:00:00")), lines...)
	}
	// 28 March 2026 is a Saturday; on Sunday clocks go from 02:00 to 03:00.
	f(catalog.Restriction{From: "22:00", To: "06:00"}, "ana 27T22:00 28T06:00", "nobody 28T06:00 28T22:00", "ana 28T22:00 29T06:00", "nobody 29T06:00 29T22:00", "ana 29T22:00 30T00:00")
	f(catalog.Restriction{Days: []catalog.Weekday{"sat"}, From: "22:00", To: "02:30"}, "nobody 22T02:30 28T22:00", "ana 28T22:00 29T03:30", "nobody 29T03:30 04T22:00")
	f(catalog.Restriction{Days: []catalog.Weekday{"sun"}, From: "02:15", To: "02:45"}, "nobody 22T02:45 29T03:15", "ana 29T03:15 29T03:45", "nobody 29T03:45 05T02:15")
	f(catalog.Restriction{From: "02:30", To: "03:00"}, "nobody 27T03:00 28T02:30", "ana 28T02:30 28T03:00", "nobody 28T03:00 30T02:30") // skipped on Sunday
	f(catalog.Restriction{From: "fri 17:00", To: "mon 09:00"}, "ana 27T17:00 30T00:00")
	f(catalog.Restriction{From: "sun 09:00", To: "sun 08:00"}, "ana 23T00:00 29T08:00", "nobody 29T08:00 29T09:00", "ana 29T09:00 30T00:00")
	f(catalog.Restriction{From: "09:00", To: "09:00"}, "ana 23T00:00 30T00:00")
	f(catalog.Restriction{Days: []catalog.Weekday{"sat"}, From: "00:00", To: "24:00"}, "ana 28T00:00 29T00:00", "nobody 29T00:00 04T00:00")
}

// Three regions, each with its own hours, zone and people, and somebody for what is left over.
func TestFollowTheSun(t *testing.T) {
	region := func(name, zone string, people ...string) catalog.Layer {
		return catalog.Layer{Name: name, TimeZone: zone, Start: "2026-01-05T08:00", Turn: catalog.Every(week), Members: catalog.Crews(people...),
			Restrictions: []catalog.Restriction{{Days: []catalog.Weekday{"mon", "tue", "wed", "thu", "fri"}, From: "08:00", To: "16:00"}}}
	}
	s := &catalog.Schedule{Meta: catalog.Meta{Name: "s"}, TimeZone: "UTC", Layers: []catalog.Layer{
		{Name: "everywhere", Start: "2026-01-05T00:00", Turn: catalog.Every(day), Members: catalog.Crews("gus")},
		region("apac", "Australia/Sydney", "ann"), region("emea", "Europe/Berlin", "eli"), region("amer", "America/New_York", "amy"),
	}}
	want(t, rota(t, s).Between(in(t, "UTC", "2026-01-08T00:00:00"), in(t, "UTC", "2026-01-09T00:00:00")),
		"ann 07T21:00 08T05:00 apac", "gus 08T05:00 08T07:00 everywhere", "eli 08T07:00 08T13:00 emea", "amy 08T13:00 08T21:00 amer", "ann 08T21:00 09T05:00 apac")
	if gaps := rota(t, s).Gaps(in(t, "UTC", "2026-02-01T00:00:00"), in(t, "UTC", "2027-02-01T00:00:00")); len(gaps) > 0 {
		t.Errorf("gaps %v", gaps)
	}
	s.Layers = s.Layers[1:]
	if gaps := rota(t, s).Gaps(in(t, "UTC", "2026-02-01T00:00:00"), in(t, "UTC", "2026-02-08T00:00:00")); len(gaps) == 0 {
		t.Error("a weekend that nobody covers is no gap")
	}
}

func TestOverridesReplaceAndClip(t *testing.T) {
	s := weekly("Europe/Berlin", "2026-01-05T09:00", week, "ana", "ben")
	s.Overrides = []catalog.Override{
		{Person: "cem", From: "2026-01-07T12:00", To: "2026-01-08T12:00", Reason: "dentist"},
		{Person: "dora", From: "2026-01-12T08:00", To: "2026-01-12T10:00"}, // over a handover
	}
	got := rota(t, s).Between(in(t, "Europe/Berlin", "2026-01-05T09:00:00"), in(t, "Europe/Berlin", "2026-01-19T09:00:00"))
	want(t, got, "ana 05T09:00 07T12:00", "cem 07T12:00 08T12:00 dentist", "ana 08T12:00 12T08:00", "dora 12T08:00 12T10:00", "ben 12T10:00 19T09:00")
	if got[1].Duties[0].Override != Declared || got[0].Duties[0].Override != "" {
		t.Errorf("overrides are not marked: %+v", got)
	}
}

func made(id, from, to string, hour int, people ...string) Override {
	parse := func(s string) time.Time {
		at, err := time.Parse(text, s)
		if err != nil {
			panic(err)
		}
		return at
	}
	return Override{ID: id, Schedule: "s", People: people, From: parse(from), To: parse(to), At: time.Date(2026, 1, 1, hour, 0, 0, 0, time.UTC)}
}

func TestOverridesOfPeopleStandAboveDeclaredOnesAndTheLatestAboveAll(t *testing.T) {
	s := weekly("UTC", "2026-01-05", week, "ana")
	s.Overrides = []catalog.Override{{Person: "cem", From: "2026-01-06", To: "2026-01-08"}, {Person: "dora", From: "2026-01-07", To: "2026-01-09"}}
	from, to := in(t, "UTC", "2026-01-05T00:00:00"), in(t, "UTC", "2026-01-12T00:00:00")
	want(t, rota(t, s).Between(from, to), "ana 05T00:00 06T00:00", "cem 06T00:00 08T00:00", "dora 08T00:00 09T00:00", "ana 09T00:00 12T00:00")
	e, g := made("e", "2026-01-07T12:00", "2026-01-08T12:00", 1, "eva"), made("g", "2026-01-08T00:00", "2026-01-10T00:00", 2, "gil", "hal")
	for _, order := range [][]Override{{e, g}, {g, e}} {
		want(t, rota(t, s, order...).Between(from, to), "ana 05T00:00 06T00:00", "cem 06T00:00 07T12:00", "eva 07T12:00 08T00:00", "gil+hal 08T00:00 10T00:00", "ana 10T00:00 12T00:00")
	}
	// A cancelled one counted until then.
	g.CancelledAt = in(t, "UTC", "2026-01-09T06:00:00")
	want(t, rota(t, s, e, g).Between(from, to), "ana 05T00:00 06T00:00", "cem 06T00:00 07T12:00", "eva 07T12:00 08T00:00", "gil+hal 08T00:00 09T06:00", "ana 09T06:00 12T00:00")
	g.CancelledAt = g.From.Add(-time.Hour)
	want(t, rota(t, s, g).Between(from, to), "ana 05T00:00 06T00:00", "cem 06T00:00 08T00:00", "dora 08T00:00 09T00:00", "ana 09T00:00 12T00:00")
	other := made("o", "2026-01-05T00:00", "2026-01-12T00:00", 9, "zoe")
	other.Schedule = "another"
	if sh := rota(t, s, other).At(from); sh.Duties[0].Person != "ana" {
		t.Errorf("an override of another schedule counts: %+v", sh)
	}
}

func TestStandingInForOnePersonLeavesTheOthers(t *testing.T) {
	s := weekly("UTC", "2026-01-05", week)
	s.Members = []catalog.Crew{{"ana", "ben"}, {"cem"}}
	o := made("o", "2026-01-07T00:00", "2026-01-14T00:00", 1, "dora")
	o.Instead = "ana"
	from, to := in(t, "UTC", "2026-01-05T00:00:00"), in(t, "UTC", "2026-01-19T00:00:00")
	want(t, rota(t, s, o).Between(from, to), "ana+ben 05T00:00 07T00:00", "dora+ben 07T00:00 12T00:00", "cem 12T00:00 19T00:00")
	// Whoever stands in can be stood in for.
	again := made("p", "2026-01-08T00:00", "2026-01-09T00:00", 2, "eva")
	again.Instead = "dora"
	want(t, rota(t, s, o, again).Between(from, to), "ana+ben 05T00:00 07T00:00", "dora+ben 07T00:00 08T00:00", "eva+ben 08T00:00 09T00:00", "dora+ben 09T00:00 12T00:00", "cem 12T00:00 19T00:00")
	// Somebody who is on call anyway is on call once.
	again.People = []string{"ben"}
	sh := rota(t, s, o, again).At(in(t, "UTC", "2026-01-08T12:00:00"))
	if got := strings.Join(sh.People(), "+"); got != "ben" {
		t.Errorf("on call: %s", got)
	}
	d := rota(t, s, o).At(in(t, "UTC", "2026-01-08T12:00:00")).Duties[0]
	if d.Instead != "ana" || d.Override != "o" {
		t.Errorf("%+v", d)
	}
}

func TestOverrideBeforeTheScheduleStarts(t *testing.T) {
	s := weekly("UTC", "2026-02-01", week, "ana", "ben")
	s.Overrides = []catalog.Override{{Person: "cem", From: "2026-01-10", To: "2026-01-12"}}
	want(t, rota(t, s).Between(in(t, "UTC", "2026-01-01T00:00:00"), in(t, "UTC", "2026-02-03T00:00:00")),
		"ana - 10T00:00", "cem 10T00:00 12T00:00", "ana 12T00:00 01T00:00", "ana 01T00:00 08T00:00")
}

func TestScheduleThatCannotBeReadSaysSo(t *testing.T) {
	f := func(s *catalog.Schedule) {
		t.Helper()
		if sh, err := At(s, nil, time.Now()); err == nil {
			t.Errorf("%+v gave %+v", s, sh)
		}
	}
	f(weekly("Mars/Olympus", "2026-01-05", week, "ana"))
	f(weekly("UTC", "soon", week, "ana"))
	f(weekly("UTC", "2026-01-05", week))
	f(weekly("UTC", "2026-01-05", 0, "ana"))
	empty := weekly("UTC", "2026-01-05", week)
	empty.Members = []catalog.Crew{{}}
	f(empty)
	for _, change := range []func(*catalog.Layer){
		func(l *catalog.Layer) { l.TimeZone = "Mars/Olympus" }, func(l *catalog.Layer) { l.From = "soon" }, func(l *catalog.Layer) { l.Until = "soon" },
		func(l *catalog.Layer) { l.Restrictions = []catalog.Restriction{{From: "09:00"}} },
	} {
		l := catalog.Layer{Start: "2026-01-05", Turn: catalog.Every(week), Members: catalog.Crews("ana")}
		change(&l)
		f(&catalog.Schedule{TimeZone: "UTC", Layers: []catalog.Layer{l}})
	}
	wrong := weekly("UTC", "2026-01-05", week, "ana")
	wrong.Overrides = []catalog.Override{{Person: "ben", From: "soon", To: "later"}}
	f(wrong)
}

func TestStintsOfAPerson(t *testing.T) {
	s := weekly("UTC", "2026-01-05", week)
	s.Members = []catalog.Crew{{"ana", "ben"}, {"cem"}}
	o := made("o", "2026-01-07T00:00", "2026-01-08T00:00", 1, "dora")
	o.Instead = "ana"
	r := rota(t, s, o)
	f := func(person string, from, to string, want ...string) {
		t.Helper()
		var got []string
		for _, st := range r.Stints(person, in(t, "UTC", from), in(t, "UTC", to)) {
			got = append(got, st.Person+" "+st.From.Format("02T15")+" "+st.To.Format("02T15"))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", person, got, want)
		}
	}
	// Ben's turn is one stint, whoever is on call beside him, and as long wherever one looks.
	f("ben", "2026-01-05T00:00:00", "2026-01-12T00:00:00", "ben 05T00 12T00")
	f("ben", "2026-01-07T12:00:00", "2026-01-07T13:00:00", "ben 05T00 12T00")
	f("ana", "2026-01-05T00:00:00", "2026-01-20T00:00:00", "ana 05T00 07T00", "ana 08T00 12T00", "ana 19T00 26T00")
	f("dora", "2026-01-01T00:00:00", "2026-02-20T00:00:00", "dora 07T00 08T00")
	f("", "2026-01-10T00:00:00", "2026-01-13T00:00:00", "ana 08T00 12T00", "ben 05T00 12T00", "cem 12T00 19T00")
	f("nobody", "2026-01-10T00:00:00", "2026-01-13T00:00:00")
}

func TestNextStints(t *testing.T) {
	s := weekly("UTC", "2026-01-05", week, "ana", "ben", "cem")
	r := rota(t, s)
	got := r.Next("cem", in(t, "UTC", "2026-01-06T00:00:00"), 3, 365*day)
	if len(got) != 3 || got[0].From.Day() != 19 || got[1].From.Sub(got[0].From) != 3*week {
		t.Errorf("%+v", got)
	}
	if got := r.Next("cem", in(t, "UTC", "2026-01-20T00:00:00"), 1, 365*day); len(got) != 1 || got[0].From.Day() != 19 {
		t.Errorf("the stint that is on is not the next: %+v", got)
	}
	if got := r.Next("zoe", in(t, "UTC", "2026-01-06T00:00:00"), 3, 365*day); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestTracksSayWhatEachLayerSaysAlone(t *testing.T) {
	s := &catalog.Schedule{Meta: catalog.Meta{Name: "s"}, TimeZone: "UTC", Layers: []catalog.Layer{
		{Name: "low", Start: "2026-01-05", Turn: catalog.Every(day), Members: catalog.Crews("ana", "ben")},
		{Name: "high", TimeZone: "Asia/Tokyo", Start: "2026-01-05", Turn: catalog.Every(week), Members: catalog.Crews("cem"), Restrictions: []catalog.Restriction{{From: "09:00", To: "17:00"}}},
	}}
	got := rota(t, s, made("o", "2026-01-05T00:00", "2026-01-07T00:00", 1, "dora")).Tracks(in(t, "UTC", "2026-01-05T00:00:00"), in(t, "UTC", "2026-01-07T00:00:00"))
	if len(got) != 2 || got[0].Name != "low" || got[1].Zone != "Asia/Tokyo" {
		t.Fatalf("%+v", got)
	}
	want(t, got[0].Shifts, "ana 05T00:00 06T00:00 low", "ben 06T00:00 07T00:00 low")
	want(t, got[1].Shifts, "cem 05T09:00 05T17:00 high", "cem 06T09:00 06T17:00 high")
}

func TestOverrideIsCheckedBeforeItIsMade(t *testing.T) {
	c := &catalog.Catalog{Schedules: map[string]*catalog.Schedule{"s": weekly("UTC", "2026-01-05", week, "ana", "ben")},
		People: map[string]*catalog.Person{"ana": {}, "ben": {}, "cem": {}}}
	now := in(t, "UTC", "2026-01-06T12:00:00")
	f := func(want errs.Code, change func(*Override)) {
		t.Helper()
		o := Override{Schedule: "s", People: []string{"cem"}, From: now.Add(time.Hour), To: now.Add(2 * time.Hour)}
		change(&o)
		if err := o.Check(c, now); (err == nil) != (want == "") || err != nil && !errs.Is(err, want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
	f("", func(*Override) {})
	f("", func(o *Override) { o.Instead = "ana" })
	f(errs.NotFound, func(o *Override) { o.Schedule = "x" })
	f(errs.Invalid, func(o *Override) { o.People = nil })
	f(errs.Invalid, func(o *Override) { o.People = []string{"zoe"} })
	f(errs.Invalid, func(o *Override) { o.Instead = "zoe" })
	f(errs.Invalid, func(o *Override) { o.Instead = "cem" })
	f(errs.Invalid, func(o *Override) { o.To = o.From })
	f(errs.Invalid, func(o *Override) { o.From, o.To = now.Add(-2*time.Hour), now.Add(-time.Hour) })
	f(errs.Invalid, func(o *Override) { o.To = o.From.Add(400 * day) })
	o := Override{Schedule: "s", People: []string{"cem"}, From: now.Add(-time.Hour), To: now.Add(2 * time.Hour)}
	if err := o.Check(c, now); err != nil || !o.From.Equal(now) {
		t.Errorf("%+v, %v: what was is rewritten", o, err)
	}
}

// A thousand schedules, each with three layers, hours and overrides: read and asked, as an escalation does.
func BenchmarkWhoIsOnCall1000Schedules(b *testing.B) {
	zones := []string{"Europe/Berlin", "America/New_York", "Australia/Sydney", "Asia/Tokyo"}
	load(b, func(i int) *catalog.Schedule {
		la := func(n int, rs ...catalog.Restriction) catalog.Layer {
			return catalog.Layer{Name: fmt.Sprint(n), TimeZone: zones[(i+n)%4], Start: "2024-01-01T09:00", Turn: catalog.Every(week), Members: catalog.Crews("ana", "ben", "cem"), Restrictions: rs}
		}
		work := catalog.Restriction{Days: []catalog.Weekday{"mon", "tue", "wed", "thu", "fri"}, From: "09:00", To: "17:00"}
		return &catalog.Schedule{Layers: []catalog.Layer{la(0), la(1, catalog.Restriction{From: "fri 17:00", To: "mon 09:00"}), la(2, work)},
			Overrides: []catalog.Override{{Person: "eva", From: "2026-12-24", To: "2026-12-27"}}}
	})
}

func BenchmarkWhoIsOnCall1000SimpleSchedules(b *testing.B) {
	load(b, func(int) *catalog.Schedule {
		return &catalog.Schedule{Start: "2024-01-01T09:00", Turn: catalog.Every(week), Members: catalog.Crews("ana", "ben", "cem")}
	})
}

// load asks a thousand schedules of a checked catalog.
func load(b *testing.B, make func(i int) *catalog.Schedule) {
	var ss []*catalog.Schedule
	for i := range 1000 {
		s := make(i)
		s.Name, s.TimeZone = fmt.Sprint("s", i), "Europe/Berlin"
		ss = append(ss, s)
	}
	if err := catalog.Locate(ss...); err != nil {
		b.Fatal(err)
	}
	at := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	for b.Loop() {
		for _, s := range ss {
			if sh, err := At(s, nil, at); err != nil || len(sh.Duties) != 1 {
				b.Fatal(sh, err)
			}
		}
	}
}
