package page_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/page"
)

const lintPeople = `apiVersion: nightkeeper/v1
kind: Person
metadata: {name: ada}
spec: {contacts: [{channel: email, address: ada@example.org}, {channel: sms, address: "+4930123456"}]}
---
apiVersion: nightkeeper/v1
kind: Person
metadata: {name: ben}
spec: {contacts: [{channel: email, address: ben@example.org}]}
---
apiVersion: nightkeeper/v1
kind: Person
metadata: {name: cleo}
spec: {contacts: [{channel: email, address: cleo@example.org}]}
---
apiVersion: nightkeeper/v1
kind: Team
metadata: {name: shop}
spec: {members: [ada, ben]}
---
apiVersion: nightkeeper/v1
kind: Team
metadata: {name: empty}
spec: {}
---
apiVersion: nightkeeper/v1
kind: Schedule
metadata: {name: first}
spec: {start: 2026-01-05T09:00, members: [ada, ben]}
---
apiVersion: nightkeeper/v1
kind: Schedule
metadata: {name: shifted}
spec: {start: 2026-01-12T09:00, members: [ada, ben]}
---
apiVersion: nightkeeper/v1
kind: Schedule
metadata: {name: cancelled-shift}
spec: {start: 2026-01-12T09:00, members: [ben, ada]}
---
apiVersion: nightkeeper/v1
kind: Schedule
metadata: {name: over}
spec: {layers: [{name: a, start: 2026-01-05T09:00, until: 2026-02-05T09:00, members: [ada]}]}
---
apiVersion: nightkeeper/v1
kind: Service
metadata: {name: checkout}
spec: {team: shop, escalationPolicy: p, autoResolve: 20m}
---
`

var lintNow = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// lint returns what is found of a policy with these steps, without the step's own place.
func lint(t *testing.T, steps, more string, works page.Works) []string {
	t.Helper()
	text := lintPeople + "apiVersion: nightkeeper/v1\nkind: EscalationPolicy\nmetadata: {name: p}\nspec:\n  steps:\n" + steps + more
	c, ps := catalog.Load(fstest.MapFS{"c.yaml": {Data: []byte(text)}})
	if bad := catalog.Errors(ps); len(bad) > 0 {
		t.Fatal(bad)
	}
	out := []string{}
	lines := strings.Split(text, "\n")
	for _, p := range page.Lint(c, works, lintNow) {
		if !p.Warning || p.File != "c.yaml" {
			t.Errorf("%+v", p)
		}
		about := strings.TrimSpace(lines[p.Line-1])
		out = append(out, strings.TrimPrefix(p.Message, "escalation policy p: ")+" @ "+about)
	}
	return out
}

func TestLintFindsWhatWouldGoWrongAtNight(t *testing.T) {
	f := func(name, steps string, want ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			got := lint(t, steps, "", nil)
			if len(got) != len(want) || slices.ContainsFunc(want, func(w string) bool {
				return !slices.ContainsFunc(got, func(g string) bool { return strings.Contains(g, w) })
			}) {
				t.Errorf("found:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
	f("nothing is wrong", "  - targets: [{schedule: first}]\n  - {after: 10m, targets: [{team: shop}]}\n")
	f("everybody knows already", "  - targets: [{team: shop}]\n  - {after: 10m, targets: [{schedule: first}]}\n",
		"step 2 tells nobody whom the steps before have not told: name somebody else in it, or take it out; every loop tells all of them again @ - {after: 10m")
	f("two schedules that are the same by accident", "  - targets: [{schedule: first}]\n  - {after: 10m, targets: [{schedule: cancelled-shift}]}\n  - {after: 5m, targets: [{person: cleo}]}\n",
		"step 2 tells the same people as step 1 at all times")
	f("two schedules that are shifted", "  - targets: [{schedule: first}]\n  - {after: 10m, targets: [{schedule: shifted}]}\n")
	f("a person who is also on call", "  - targets: [{schedule: first}]\n  - {after: 10m, targets: [{person: ada}, {person: ben, severities: [SEV1]}]}\n",
		"SEV2, SEV3: step 2 tells nobody new 51% of the next 90d, first from Mon 2026-11-23 09:00 to Mon 2026-11-30 09:00 UTC, when it is ada as in a step before")
	f("targets that find nobody", "  - targets: [{person: ada}, {person: ben}]\n  - {after: 5m, targets: [{schedule: over}]}\n  - {after: 5m, targets: [{team: empty}, {role: manager}]}\n",
		"step 2 finds nobody: nobody is on call for over;", "step 3 finds nobody: team empty has no members, team shop has no manager;")
	f("a severity without a step", "  - targets: [{person: ada, severities: [SEV1, SEV3]}, {person: ben, severities: [SEV1, SEV3]}]\n",
		"SEV2: no step is for it: such a page tells everybody in the catalog")
	f("nobody beyond one person", "  - targets: [{schedule: first}]\n", "only one person is told at any time, ben at the moment")
	f("one person for ever", "  - targets: [{person: cleo}]\n", "only cleo is ever told")
	f("a step that comes too late for auto-resolve", "  - targets: [{person: ada}]\n  - {after: 15m, targets: [{person: ben}]}\n  - {after: 5m, targets: [{person: cleo}]}\n",
		"step 3 comes after 20m, and alerts of checkout are resolved after 20m")
	f("SEV1 waits two hours", "  - targets: [{person: ada}]\n  - {after: 1h, targets: [{person: ben, severities: [SEV2]}]}\n  - {after: 1h, targets: [{person: cleo}]}\n",
		"SEV1: nobody else is told for 2h before step 3", "step 2 comes after 1h")
}

func TestLintFindsPeopleWhoCannotBeTold(t *testing.T) {
	const step = "  - targets: [{person: ada}, {person: ben}, {person: zoe}]\n"
	zoe := func(spec string) string {
		return "---\napiVersion: nightkeeper/v1\nkind: Person\nmetadata: {name: zoe}\nspec: {" + spec + "}\n"
	}
	without := func(channel string) page.Works {
		return func(person string, c catalog.Contact) string {
			if c.Channel == channel && person == "zoe" {
				return "the server has no " + channel
			}
			return ""
		}
	}
	f := func(spec string, works page.Works, want string) {
		t.Helper()
		got := lint(t, step, zoe(spec), works)
		if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], want)) {
			t.Errorf("%s:\n found %q\n want %q", spec, got, want)
		}
	}
	both := "contacts: [{channel: sms, address: '+4930123456'}, {channel: email, address: z@example.org}]"
	f(both, nil, "")
	f(both, without("sms"), "")
	f("contacts: [{channel: inbox}]", nil, "zoe has only the inbox, which wakes nobody")
	f("contacts: [{channel: sms, address: '+4930123456'}]", without("sms"), "no contact of zoe works: the server has no sms; set up a channel")
	f(both+", notify: [{channel: sms}]", without("sms"), "by the rules of zoe nothing that works is used for SEV1: the server has no sms")
	f(both+", notify: [{channel: sms, severities: [SEV2]}]", nil, "no notify rule of zoe is for SEV1, so every contact is used at once")
}
