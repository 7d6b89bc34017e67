package page

import (
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/detect/slo"
)

var three = time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)

func TestWhySaysWhoWasToldOrWhyNobodyWas(t *testing.T) {
	c := &catalog.Catalog{
		People: map[string]*catalog.Person{"mira": {}, "jon": {}, "zoe": {}},
		Policies: map[string]*catalog.EscalationPolicy{"default": {Meta: catalog.Meta{Name: "default"}, Loops: 3, Steps: []catalog.Step{
			{Targets: []catalog.Target{{Person: "mira"}}}, {Targets: []catalog.Target{{Person: "jon"}}}}}},
	}
	fires := detect.Alert{ID: "al_1", Source: "alertmanager", Integration: "prom", Title: "Disk full", Group: "grp_1", GroupReason: "no open group is connected to db", Severity: detect.SEV2, State: detect.Firing, Told: true, FiredAt: three}
	alert := func(change func(*detect.Alert)) detect.Alert {
		a := fires
		change(&a)
		return a
	}
	open := &Page{ID: "pg_1", Policy: "default", State: Open, Reason: "no runbook may hold it"}
	state := func(s State, reason string) *Page {
		return &Page{ID: "pg_1", Policy: "default", State: s, Reason: reason}
	}
	told := []Notification{{Person: "mira", Channel: "email", Delivery: Sent, At: three}, {Person: "mira", Channel: "sms", Delivery: Delivered, At: three}, {Person: "jon", Channel: "sms", Delivery: Failed, Error: "no such number", At: three}}
	facts := []event.Event{{Kind: KindEscalated, Subject: "pg_1", At: three, Text: "step 1 of default"}, {Kind: KindEscalated, Subject: "pg_other", Text: "another page"}, {Kind: "detect.fired", Subject: "al_1", Text: "fires"}}
	for _, x := range []struct {
		name    string
		alert   detect.Alert
		page    *Page
		ns      []Notification
		person  string
		verdict string
		reasons string // all must be in the reasons, in this order
	}{
		{"people were told", fires, open, told, "", "Told: mira by email and sms.", "alertmanager reported it through prom: Disk full|nobody said how bad|no open group|step 1 of default"},
		{"it was counted with its group", alert(func(a *detect.Alert) { a.Told = false }), open, told, "", "Told as part of its group: mira by email and sms.", ""},
		{"muted", alert(func(a *detect.Alert) { a.Muted, a.Group, a.GroupReason = []string{"silence x by jon"}, "", "" }), nil, nil, "", "Nobody was told: silence x by jon.", "Disk full|silence x by jon"},
		{"a ticket", alert(func(a *detect.Alert) { a.Severity = detect.SEV4 }), nil, nil, "", "Nobody was told: it is a ticket.", "waits for a working day"},
		{"held", fires, state(Held, "held for at most 2m"), nil, "", "Nobody was told yet: held for at most 2m.", ""},
		{"fixed while it was held", fires, state(Resolved, "fixed; nobody was told"), nil, "", "Nobody was told: fixed; nobody was told.", ""},
		{"not yet", fires, nil, nil, "", "about to be opened", ""},
		{"nobody was reached", fires, open, told[2:], "", "Nobody was reached: ", ""},
		{"an objective", alert(func(a *detect.Alert) {
			a.Source, a.SLO, a.Reason = "", "checkout-answers", "budget burns"
			a.Reading = slo.Reading{Rule: slo.Rules(30 * 24 * time.Hour)[0]}
		}), open, told, "", "Told: mira", "objective checkout-answers: budget burns|the fast rule for a service of tier standard"},
		{"by a rule", alert(func(a *detect.Alert) { a.Rule = "db" }), open, told, "", "Told", "SEV2: rule db"},
		{"by its label", alert(func(a *detect.Alert) { a.Labels = map[string]string{"severity": "high"} }), open, told, "", "Told", `its label severity is "high"`},
		{"by its source", alert(func(a *detect.Alert) { a.Said = "critical" }), open, told, "", "Told", `SEV2: its source says "critical"`},
		{"repeated once", alert(func(a *detect.Alert) { a.Count = 1 }), open, told, "", "Told", "repeated once, at "},
		{"it is over", alert(func(a *detect.Alert) { a.State, a.Resolution = detect.Resolved, "repaired" }), state(Resolved, "no alert fires"), told, "", "Told", "it is over: repaired"},
		{"she was", fires, open, told, "mira", "mira was told by email at 03:00:00 UTC: sent; by sms at 03:00:00 UTC: delivered.", ""},
		{"he could not be", fires, open, told, "jon", "jon was told by sms at 03:00:00 UTC: failed (no such number).", ""},
		{"he comes next", fires, open, told[:2], "jon", "jon was not told yet: step 2 of default", ""},
		{"it was acknowledged before him", fires, state(Acked, "acknowledged by mira"), told[:2], "jon", "jon was not told: the page was acked before step 2", ""},
		{"she is in no step", fires, open, told, "zoe", "no step of policy default finds them", ""},
		{"nobody knows him", fires, open, told, "ghost", "not a person of the catalog", ""},
	} {
		w := explain(x.alert, x.page, x.ns, facts, rotaNow{c, nil, three}, x.person)
		if !strings.Contains(w.Verdict, x.verdict) {
			t.Errorf("%s: %q, want %q", x.name, w.Verdict, x.verdict)
		}
		all := ""
		for _, r := range w.Reasons {
			all += r.Text + "\n"
		}
		rest := all
		for _, part := range strings.Split(x.reasons, "|") {
			_, after, ok := strings.Cut(rest, part)
			if !ok {
				t.Errorf("%s: %q is not in the reasons, or not in this order:\n%s", x.name, part, all)
			}
			rest = after
		}
		if strings.Contains(all, "another page") {
			t.Errorf("%s: a fact of another page is among the reasons", x.name)
		}
	}
}

func TestWhyTellsInTheOrderOfTime(t *testing.T) {
	at := func(m int) time.Time { return three.Add(time.Duration(m) * time.Minute) }
	a := detect.Alert{ID: "al_2", Source: "webhook", Integration: "ci", Title: "Queue grows", Group: "grp_1", GroupReason: "it calls db", Severity: detect.SEV3, State: detect.Resolved, FiredAt: at(5), ResolvedAt: at(7), Resolution: "drained"}
	facts := []event.Event{
		{Kind: KindOpened, Subject: "pg_1", At: at(0), Text: "page opened"},
		{Kind: KindAcked, Subject: "pg_1", At: at(6), Text: "acknowledged by mira"},
		{Kind: KindResolved, Subject: "pg_1", At: at(9), Text: "no alert fires"},
	}
	w := explain(a, &Page{ID: "pg_1", State: Resolved}, nil, facts, rotaNow{&catalog.Catalog{}, nil, three}, "")
	var got []string
	for _, r := range w.Reasons {
		got = append(got, r.Text)
	}
	want := []string{"page opened", "webhook reported it", "nobody said how bad", "group grp_1", "acknowledged by mira", "it is over", "no alert fires"}
	if len(got) != len(want) {
		t.Fatalf("got %q", got)
	}
	for k, text := range want {
		if !strings.Contains(got[k], text) {
			t.Errorf("reason %d is %q, want %q", k+1, got[k], text)
		}
	}
}
