package catalog

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const layered = `apiVersion: nightkeeper/v1
kind: Person
metadata: {name: tomas}
spec: {contacts: [{channel: email, address: tomas@example.org}]}
---
apiVersion: nightkeeper/v1
kind: Schedule
metadata: {name: world}
spec:
  timeZone: Europe/Berlin
`

// problemsOf returns what is said about a schedule whose spec goes on with text.
func problemsOf(text string) (*Schedule, []string) {
	files := map[string]string{"bad.yaml": layered + text}
	for k, v := range good {
		files[k] = v
	}
	c, ps := load(files)
	var out []string
	for _, p := range ps {
		out = append(out, p.String())
	}
	return c.Schedules["world"], out
}

func TestScheduleOfLayersIsRead(t *testing.T) {
	s, ps := problemsOf(`  noticeBefore: 2 days
  layers:
  - name: nights
    start: 2026-01-05T09:00
    turn: 604800s
    members: [mira, [mira, tomas]]
    from: 2025-12-01
    until: 2027-01-01
  - name: office
    timeZone: America/New_York
    start: 2026-01-05T09:00
    members:
    - tomas
    restrictions:
    - days: [mon, Tuesday, WED]
      from: 09:00
      to: 17:00
    - {from: fri 17:00, to: mon 09:00}
  overrides:
  - {people: [mira, tomas], from: 2026-12-24T09:00, to: 2026-12-25T09:00}
`)
	if len(ps) > 0 {
		t.Fatalf("%q", ps)
	}
	if s.NoticeBefore.D() != 48*time.Hour || len(s.Layers) != 2 || s.Layers[0].Turn.D() != week || s.Layers[1].Turn.D() != week {
		t.Errorf("%+v", s)
	}
	if m := s.Layers[0].Members; len(m) != 2 || !slices.Equal(m[0], Crew{"mira"}) || !slices.Equal(m[1], Crew{"mira", "tomas"}) {
		t.Errorf("members %v", m)
	}
	if got := s.People(); !slices.Equal(got, []string{"mira", "tomas"}) {
		t.Errorf("people %v", got)
	}
	if loc, err := s.Zone("America/New_York"); err != nil || loc.String() != "America/New_York" {
		t.Errorf("zone %v, %v", loc, err)
	}
	if got := s.Overrides[0].Crew(); !slices.Equal(got, Crew{"mira", "tomas"}) {
		t.Errorf("override %v", got)
	}
}

func TestNoticesComeADayBeforeWhenNothingIsSaid(t *testing.T) {
	s, ps := problemsOf("  start: 2026-01-05\n  members: [mira]\n")
	if len(ps) > 0 || s.NoticeBefore.D() != 24*time.Hour {
		t.Errorf("%v, %q", s.NoticeBefore, ps)
	}
	if s, _ := problemsOf("  start: 2026-01-05\n  members: [mira]\n  noticeBefore: 0\n"); s.NoticeBefore != 0 {
		t.Errorf("%v", s.NoticeBefore)
	}
}

func TestMistakesOfSchedulesAreNamedWithTheirPlace(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		if _, got := problemsOf(text); !slices.Equal(got, want) {
			t.Errorf("%s\ngot\n  %s\nwant\n  %s", text, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
		}
	}
	layer := func(rest string) string {
		return "  layers:\n  - name: a\n    start: 2026-01-05T09:00\n    members: [mira]\n" + rest
	}
	f("  start: 2026-01-05\n  members: [mira]\n"+layer(""), `bad.yaml:14:3: a schedule has layers, or start, turn and members, not both`)
	f("  layers:\n  - {start: 2026-01-05, members: [mira]}\n", `bad.yaml:12:6: each layer has a name of its own; this is ""`)
	f(layer("  - name: a\n    start: 2026-01-05\n    members: [mira]\n"), `bad.yaml:15:5: each layer has a name of its own; this is "a"`)
	f("  layers:\n  - name: a\n", `bad.yaml:12:5: members is empty: nobody would be on call`, `bad.yaml:12:5: start is missing; write when the first turn begins, such as 2026-01-05T09:00`)
	f("  start: 2026-01-05\n  members: [mira, []]\n", `bad.yaml:12:19: the list is empty: nobody would be on call in this turn`)
	f("  start: 2026-01-05\n  members: [mira, [tomas, mirra]]\n", `bad.yaml:12:27: there is no Person named "mirra"; did you mean "mira"?`)
	f(layer("    timeZone: Europe/Berln\n"), `bad.yaml:15:15: "Europe/Berln" is not a time zone; write an IANA name such as Europe/Berlin`)
	f(layer("    turn: 4000d\n"), `bad.yaml:15:11: a turn of 4000d is too long; it must be at most ten years`)
	f(layer("    turn: 1M\n"), `bad.yaml:15:11: "1M" has months or years in it, which are not always as long; write days, such as 30d`)
	f(layer("    until: 2026-01-05\n"), `bad.yaml:15:12: until is 2026-01-05, which is not after the layer begins`)
	f(layer("    restrictions: [{from: 09:00}]\n"), `bad.yaml:15:21: a restriction has from and to, such as 09:00 and 17:00, or fri 17:00 and mon 09:00`)
	f(layer("    restrictions: [{from: 24:00, to: 09:00}]\n"), `bad.yaml:15:21: from is 24:00, which is 00:00 of the day after; write that`)
	f(layer("    restrictions: [{from: fri 09:00, to: 10:00}]\n"), `bad.yaml:15:21: a restriction has a day in both from and to and no days, or a day in neither`)
	f(layer("    restrictions: [{days: [mon], from: fri 09:00, to: sat 10:00}]\n"), `bad.yaml:15:21: a restriction has a day in both from and to and no days, or a day in neither`)
	f(layer("    restrictions: [{from: 9 am, to: 10:00}]\n"), `bad.yaml:15:27: "9" is not a day of the week; write mon, tue, wed, thu, fri, sat or sun`)
	f(layer("    restrictions: [{from: 25:00, to: 10:00}]\n"), `bad.yaml:15:27: "25:00" is not a time of day; write 09:00, or fri 17:00 for a part of the week`)
	f(layer("    restrictions: [{from: 09:60, to: 10:00}]\n"), `bad.yaml:15:27: "09:60" is not a time of day; write 09:00, or fri 17:00 for a part of the week`)
	f(layer("    restrictions: [{days: [someday], from: 09:00, to: 10:00}]\n"), `bad.yaml:15:28: "someday" is not a day of the week; write mon, tue, wed, thu, fri, sat or sun`)
	f(layer("  noticeBefore: 30d\n"), `bad.yaml:15:17: noticeBefore is 30d; people are told at most 14d before`)
	f(layer("  overrides: [{from: 2026-01-06, to: 2026-01-07}]\n"), `bad.yaml:15:16: an override needs a person or people: nobody is not possible`)
	f(layer("  overrides: [{people: [mirra], instead: tomsa, from: 2026-01-06, to: 2026-01-07}]\n"), `bad.yaml:15:25: there is no Person named "mirra"; did you mean "mira"?`, `bad.yaml:15:42: there is no Person named "tomsa"; did you mean "tomas"?`)
	f(layer("  overrides: [{person: mira, instead: mira, from: 2026-01-06, to: 2026-01-07}]\n"), `bad.yaml:15:16: mira cannot stand in for mira`)
	f(layer("    rotation: daily\n"), `bad.yaml:15:5: unknown field "rotation"; there are from, members, name, restrictions, start, timeZone, turn, until`)
}

func FuzzClock(f *testing.F) {
	for _, s := range []string{"09:00", "fri 17:00", "24:00", "23:59:59", "9:5", "mon 00:00", "-1:00", "24:01", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		sec, day, hasDay, err := Clock(s).Parse()
		if err == nil && (sec < 0 || sec > 24*3600 || day < 0 || day > 6 || !hasDay && day != 0) {
			t.Fatalf("%q is %d s, %v, %v", s, sec, day, hasDay)
		}
	})
}

func TestTurnsOfMonths(t *testing.T) {
	read := func(turn string) (*Catalog, []Problem) {
		return load(map[string]string{"s.yaml": "apiVersion: nightkeeper/v1\nkind: Person\nmetadata: {name: ana}\nspec: {contacts: [{channel: email, address: a@example.org}]}\n---\napiVersion: nightkeeper/v1\nkind: Schedule\nmetadata: {name: s}\nspec:\n  start: 2026-01-31T09:00\n  turn: " + turn + "\n  members: [ana]\n"})
	}
	for turn, want := range map[string]string{"1 month": "1 month", "3mo": "3 months", "2 Months": "2 months", "7d": "7d", "1 week": "7d"} {
		c, ps := read(turn)
		if len(ps) > 0 || c.Schedules["s"].Turn.String() != want {
			t.Errorf("%s: %v %v, want %s", turn, c.Schedules["s"], ps, want)
		}
	}
	for turn, want := range map[string]string{
		"0 months":   "s.yaml:11:9: \"0 months\" is no turn; write 1 month or more",
		"1 month 3d": "s.yaml:11:9: \"1 month 3d\" is no turn; months stand alone: write 1 month, or a duration such as 7d",
		"200 months": "a turn of 200 months is too long; it must be at most ten years",
		"1 year":     "has months or years in it",
	} {
		if _, ps := read(turn); len(ps) == 0 || !strings.Contains(ps[0].String(), want) {
			t.Errorf("%s: %v, want %s", turn, ps, want)
		}
	}
}
