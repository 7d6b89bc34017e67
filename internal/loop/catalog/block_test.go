package catalog

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// pasted is configuration as people of another system have it, in a file of its own. It names two people by e-mail who
// are not declared, and one, mira, who is.
const pasted = `# on call, as we have it
services:
  - name: "Booking API"
    escalation_policy: "booking-oncall"
    urgency: "high"              # at any hour
    auto_resolve_timeout: null   # never
    acknowledgement_timeout: 10
  - name: "Nightly Reports"
    escalation_policy: "booking-oncall"
    urgency: "low"
    auto_resolve_timeout: 4_hours
    acknowledgement_timeout: 30

escalation_policies:
  booking-oncall:
    name: "Booking, around the clock"
    num_loops: 3
    rules:
      - escalation_delay_in_minutes: 0
        targets:
          - type: "schedule"
            id: "booking-first"
      - escalation_delay_in_minutes: 10
        targets:
          - type: "user"
            id: "MIRA@example.org"
      - escalation_delay_in_minutes: 15
        targets:
          - type: "user_reference"
            id: mira

schedules:
  booking-first:
    name: "Booking, first"
    time_zone: "America/Los_Angeles"
    layers:
      - name: "Week by week"
        start: "2026-01-04T09:00:00"
        rotation_virtual_start: "2026-01-11T09:00:00"
        rotation_turn_length_seconds: 604800
        users:
          - nora@example.org
          - mira@example.org
          - otto@example.org
        restrictions:
          - {type: weekly_restriction, start_day_of_week: 5, start_time_of_day: "17:00:00", duration_seconds: 230400}

integrations:
  ticketing:
    - type: "Tracker"
      project: "INC"
`

func withGood(text string) map[string]string {
	return map[string]string{"block.yaml": text, "good.yaml": good["good.yaml"], "good.md": good["good.md"]}
}

func TestBlockLoadsAsItIsWritten(t *testing.T) {
	c, ps := load(withGood(pasted))
	if bad := Errors(ps); len(bad) > 0 {
		t.Fatalf("%v", bad)
	}
	api, reports := c.Services["booking-api"], c.Services["nightly-reports"]
	if api == nil || api.DisplayName != "Booking API" || api.Urgency != "high" || api.AutoResolve != 0 || api.AckTimeout.D() != 10*time.Minute || api.Team != "booking-oncall" {
		t.Errorf("%+v", api)
	}
	if reports.AutoResolve.D() != 4*time.Hour || reports.Urgency != "low" || reports.AckTimeout.D() != 30*time.Minute {
		t.Errorf("%+v", reports)
	}
	p := c.PolicyFor("booking-api")
	if p.Name != "booking-oncall" || p.DisplayName != "Booking, around the clock" || p.Loops != 3 || len(p.Steps) != 3 {
		t.Fatalf("%+v", p)
	}
	if p.Steps[0].After != 0 || p.Steps[1].After.D() != 10*time.Minute || p.Steps[2].After.D() != 15*time.Minute ||
		p.Steps[0].Targets[0].Schedule != "booking-first" || p.Steps[1].Targets[0].Person != "mira" || p.Steps[2].Targets[0].Person != "mira" {
		t.Errorf("%+v", p.Steps)
	}
	s := c.Schedules["booking-first"]
	la := s.Layers[0]
	if s.TimeZone != "America/Los_Angeles" || la.Name != "Week by week" || la.Start != "2026-01-11T09:00:00" || la.From != "2026-01-04T09:00:00" || la.Turn.D() != week {
		t.Errorf("%+v", s)
	}
	if !slices.EqualFunc(la.Members, Crews("nora", "mira", "otto"), func(a, b Crew) bool { return slices.Equal(a, b) }) {
		t.Errorf("%v", la.Members)
	}
	if r := la.Restrictions[0]; r.From != "fri 17:00:00" || r.To != "mon 09:00:00" {
		t.Errorf("%+v", r)
	}
	if n := c.People["nora"]; n == nil || n.DisplayName != "nora@example.org" || len(n.Contacts) != 1 || n.Contacts[0] != (Contact{"email", "nora@example.org"}) {
		t.Errorf("%+v", n)
	}
	if got := c.Teams["booking-oncall"].Members; !slices.Equal(got, []string{"mira", "nora", "otto"}) {
		t.Errorf("the team that was made is %v", got)
	}
}

// Nothing is dropped without a word, and every word is about the place where it stands in the block.
func TestBlockSaysWhatItMadeAndWhatHasNoEqual(t *testing.T) {
	_, ps := load(withGood(pasted))
	for _, want := range []struct{ at, part string }{
		{"- name: \"Booking API\"", "team booking-oncall was made"},
		{"- nora@", "nora was made of it"},
		{"- otto@", "otto was made of it"},
		{"- type: \"Tracker\"", "integration Tracker is not set up"},
	} {
		lines := strings.Split(pasted, "\n")
		line := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, want.at) }) + 1
		if !slices.ContainsFunc(ps, func(p Problem) bool {
			return p.Warning && p.File == "block.yaml" && p.Line == line && strings.Contains(p.Message, want.part)
		}) {
			t.Errorf("no warning %q at line %d; there are %v", want.part, line, ps)
		}
	}
}

// PagerDuty writes after each rule how long it waits for the next; people who begin with 0 mean the time before a rule.
func TestDelayOfARuleBelongsToTheNextWhereTheFirstHasOne(t *testing.T) {
	f := func(delays [3]string, want [3]time.Duration) {
		t.Helper()
		text := "escalation_policies:\n  p:\n    rules:\n"
		for _, d := range delays {
			text += "    - escalation_delay_in_minutes: " + d + "\n      targets: [{type: user, id: mira}]\n"
		}
		c, ps := load(withGood(text))
		if len(Errors(ps)) > 0 {
			t.Fatalf("%v", ps)
		}
		var got [3]time.Duration
		for i, s := range c.Policies["p"].Steps {
			got[i] = s.After.D()
		}
		if got != want {
			t.Errorf("%v is read as %v, want %v", delays, got, want)
		}
	}
	const m = time.Minute
	f([3]string{"0", "10", "15"}, [3]time.Duration{0, 10 * m, 15 * m})
	f([3]string{"30", "10", "15"}, [3]time.Duration{15 * m, 30 * m, 10 * m})
	f([3]string{"0", "1 hour", "90s"}, [3]time.Duration{0, time.Hour, 90 * time.Second})
}

func TestSecondPersonOfAnAddressNameGetsAnotherName(t *testing.T) {
	c, ps := load(withGood("schedules:\n  s:\n    layers:\n    - {name: a, start: 2026-01-04T09:00, users: [mira@elsewhere.example, mira@example.org]}\n"))
	if len(Errors(ps)) > 0 {
		t.Fatalf("%v", ps)
	}
	if got := c.Schedules["s"].People(); !slices.Equal(got, []string{"mira-elsewhere.example", "mira"}) {
		t.Errorf("%v", got)
	}
}

func TestSlugKeepsWhatANameMayHave(t *testing.T) {
	for in, want := range map[string]string{
		"Payment API": "payment-api", "  a  b ": "a-b", "payments_v2.eu": "payments_v2.eu", "Straße 7": "stra-e-7", "…": "", "-a-": "a",
		strings.Repeat("ab ", 40): strings.TrimSuffix(strings.Repeat("ab-", 21), "-"),
	} {
		if got := slug(in); got != want || want != "" && !validName.MatchString(got) {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}
