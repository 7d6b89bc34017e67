package rota

import (
	"slices"
	"testing"
	"testing/fstest"

	"nightkeeper/internal/loop/catalog"
)

const people = `apiVersion: nightkeeper/v1
kind: Person
metadata: {name: mira}
spec: {contacts: [{channel: email, address: mira@example.org}]}
---
apiVersion: nightkeeper/v1
kind: Schedule
metadata: {name: world}
spec:
  timeZone: Europe/Berlin
`

func TestGapsOfTheNextNinetyDaysAreWarnedOf(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		c, ps := catalog.Load(fstest.MapFS{"a.yaml": {Data: []byte(people + text)}})
		if len(ps) > 0 {
			t.Fatalf("%v", ps)
		}
		var got []string
		for _, p := range Check(c, in(t, "Europe/Berlin", "2026-11-21T12:00:00")) {
			got = append(got, p.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s\ngot  %q\nwant %q", text, got, want)
		}
	}
	f("  start: 2026-01-05T09:00\n  members: [mira]\n")
	f("  start: 2027-06-05T09:00\n  members: [mira]\n") // the simple form has the first member before its start
	layer := "  layers:\n  - {name: a, start: 2026-01-05T09:00, members: [mira]"
	f(layer + "}\n")
	f(layer+", until: 2027-02-01}\n", `a.yaml:6:1: warning: nobody is on call for world from Mon 2027-02-01 00:00 to Fri 2027-02-19 12:00 (Europe/Berlin)`)
	f(layer + ", until: 2027-06-01}\n")
	f(layer+", restrictions: [{from: 08:00, to: 20:00}]}\n", `a.yaml:6:1: warning: nobody is on call for world from Sat 2026-11-21 20:00 to Sun 2026-11-22 08:00 (Europe/Berlin); 90 gaps of 45d in all within 90 days`)
	f(layer + ", restrictions: [{from: 08:00, to: 20:00}, {from: 20:00, to: 08:00}]}\n")
	// A gap that a declared override fills is none.
	f(layer + ", until: 2027-02-01}\n  overrides: [{person: mira, from: 2027-01-31, to: 2027-03-01}]\n")
}
