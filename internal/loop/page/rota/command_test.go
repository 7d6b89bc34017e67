package rota

import (
	"strings"
	"testing"
	"testing/fstest"

	"nightkeeper/internal/loop/catalog"
)

func commandProblems(t *testing.T, text string) string {
	t.Helper()
	const more = `apiVersion: nightkeeper/v1
kind: Person
metadata: {name: kenji}
spec: {timeZone: Asia/Singapore, contacts: [{channel: email, address: kenji@example.org}]}
---
apiVersion: nightkeeper/v1
kind: Schedule
metadata: {name: east}
spec: {start: 2026-01-05, members: [kenji]}
---
apiVersion: nightkeeper/v1
kind: Schedule
metadata: {name: mornings}
spec: {layers: [{name: a, start: 2026-01-05, members: [kenji], restrictions: [{from: 00:00, to: 06:00}]}]}
---
`
	c, ps := catalog.Load(fstest.MapFS{"a.yaml": {Data: []byte(people + "  start: 2026-01-05T09:00\n  members: [mira]\n---\n" + more + text)}})
	if len(ps) > 0 {
		t.Fatalf("%v", ps)
	}
	var got []string
	for _, p := range Check(c, in(t, "Europe/Berlin", "2026-11-21T12:00:00")) {
		if !p.Warning || p.File != "a.yaml" || p.Line == 1 {
			t.Errorf("%+v", p)
		}
		if !strings.Contains(p.Message, "on call for mornings") {
			got = append(got, p.Message)
		}
	}
	return strings.Join(got, "\n")
}

func regionDoc(name, zone, from, to, first string) string {
	return "apiVersion: nightkeeper/v1\nkind: Region\nmetadata: {name: " + name + "}\nspec: {timeZone: " + zone +
		", coverage: {from: \"" + from + "\", to: \"" + to + "\"}, chain: [{role: commander, " + first + "}]}\n---\n"
}

func TestHoursWithoutACommanderAreWarnedOf(t *testing.T) {
	f := func(text string, want string) {
		t.Helper()
		if got := commandProblems(t, text); got != want {
			t.Errorf("\ngot  %s\nwant %s", got, want)
		}
	}
	f("", "")
	three := regionDoc("americas", "America/Los_Angeles", "08:00", "18:00", "schedule: world") + regionDoc("emea", "Europe/London", "08:00", "18:00", "schedule: world")
	f(three+regionDoc("apac", "Asia/Singapore", "08:00", "18:00", "schedule: east"), "")
	f(three, "no region covers Sun 2026-11-22 02:00 to Sun 2026-11-22 08:00 UTC: the global commander is called then; 42h of the next 7 days in all")
	f(three+regionDoc("apac", "Asia/Singapore", "08:00", "18:00", "schedule: mornings"), "the chain of apac finds nobody at Sun 2026-11-22 06:00 UTC: everybody in the catalog would be told")
	f(three+regionDoc("apac", "Asia/Singapore", "08:00", "18:00", "schedule: mornings}, {role: deputy, person: mira"), "")
}

func TestRolesThatWakeSomebodyAreWarnedOf(t *testing.T) {
	role := func(spec string) string {
		return "apiVersion: nightkeeper/v1\nkind: Role\nmetadata: {name: database-sme}\nspec: {" + spec + "}\n---\n"
	}
	regions := regionDoc("apac", "Asia/Singapore", "08:00", "20:00", "person: mira") + regionDoc("rest", "Africa/Abidjan", "12:00", "00:00", "person: mira")
	f := func(text, want string) {
		t.Helper()
		if got := commandProblems(t, text); got != want {
			t.Errorf("\ngot  %s\nwant %s", got, want)
		}
	}
	f(role("schedule: east"), "")
	f(role("schedule: east, followTheSun: true"), "database-sme follows the sun, but kenji has it at Sat 2026-11-21 22:00 +08, in their own night")
	f(role("schedule: mornings"), "nobody has the role database-sme at Sat 2026-11-21 12:00 UTC")
	f(regions+role("followTheSun: true, regions: {apac: east, rest: world}"), "")
	f(regions+role("followTheSun: true, regions: {apac: world, rest: east}"), "database-sme follows the sun, but kenji has it at Sat 2026-11-21 22:00 +08, in their own night")
}
