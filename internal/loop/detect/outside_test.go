package detect

import (
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/loop/catalog"
)

func rules(t *testing.T, rs ...*catalog.AlertRule) *catalog.Catalog {
	t.Helper()
	c := &catalog.Catalog{Services: map[string]*catalog.Service{"checkout": {}, "cart": {}}, AlertRules: map[string]*catalog.AlertRule{}}
	for _, r := range rs {
		ms, err := catalog.ParseMatchers(r.Match)
		if err != nil {
			t.Fatal(err)
		}
		r.Matchers = ms
		c.AlertRules[r.Name] = r
	}
	return c
}

func TestAlertFromOutsideIsShapedByTheFirstRuleThatSelectsIt(t *testing.T) {
	c := rules(t,
		&catalog.AlertRule{Meta: catalog.Meta{Name: "z-first"}, Order: 1, Match: []string{`team="db"`}, Service: "cart", Severity: "SEV3", GroupBy: []string{"instance"}, EscalationPolicy: "db"},
		&catalog.AlertRule{Meta: catalog.Meta{Name: "a-second"}, Order: 2, Match: []string{`alertname=~".+"`}, ServiceLabel: "component", SeverityLabel: "level", Severities: map[string]string{"red": "SEV1"}},
	)
	f := func(labels map[string]string, rule, service string, sev Severity, policy string) {
		t.Helper()
		a := shape(Incoming{Source: "alertmanager", Integration: "prom", Key: "k", Labels: labels}, c, night)
		if a.Rule != rule || a.Service != service || a.Severity != sev || a.Policy != policy {
			t.Errorf("%v: rule %q, service %q, %s, policy %q; want %q, %q, %s, %q", labels, a.Rule, a.Service, a.Severity, a.Policy, rule, service, sev, policy)
		}
	}
	f(map[string]string{"alertname": "A", "team": "db"}, "z-first", "cart", SEV3, "db")
	f(map[string]string{"alertname": "A", "component": "web", "level": "red"}, "a-second", "web", SEV1, "")
	f(map[string]string{"alertname": "A", "level": "warning"}, "a-second", "", SEV3, "")
	f(map[string]string{"app": "checkout", "severity": "page"}, "", "checkout", SEV1, "")
	f(map[string]string{"job": "nobody", "service": "unknown-api"}, "", "unknown-api", SEV2, "")
	f(nil, "", "", SEV2, "")
}

func TestAlertsOfOneRuleAndItsLabelsAreOneGroup(t *testing.T) {
	c := rules(t, &catalog.AlertRule{Meta: catalog.Meta{Name: "r"}, Match: []string{`x="y"`}, GroupBy: []string{"cluster"}})
	key := func(integration string, labels ...string) string {
		l := map[string]string{}
		for i := 0; i < len(labels); i += 2 {
			l[labels[i]] = labels[i+1]
		}
		return shape(Incoming{Integration: integration, Labels: l, Annotations: map[string]string{"summary": l["alertname"] + " text"}}, c, night).GroupKey
	}
	same := func(a, b string, want bool) {
		t.Helper()
		if (a == b) != want {
			t.Errorf("%q and %q: one group is %v, want %v", a, b, a == b, want)
		}
	}
	same(key("p", "x", "y", "cluster", "1", "alertname", "A"), key("p", "x", "y", "cluster", "1", "alertname", "B"), true)
	same(key("p", "x", "y", "cluster", "1"), key("p", "x", "y", "cluster", "2"), false)
	same(key("p", "alertname", "A", "instance", "1"), key("p", "alertname", "A", "instance", "2"), true)
	same(key("p", "alertname", "A"), key("p", "alertname", "B"), false)
	same(key("p", "alertname", "A"), key("q", "alertname", "A"), false)
	same(key("p", "instance", "1"), key("p", "instance", "2"), true) // nothing known but the title
}

func TestWhatBecomesOfAnIncomingAlert(t *testing.T) {
	c := rules(t)
	known := &Alert{ID: "al_1", Source: "s", EndsAt: night.Add(time.Minute), UpdatedAt: night.Add(-time.Minute), Title: "T", URL: "u"}
	f := func(in Incoming, known *Alert, want string) Alert {
		t.Helper()
		a, did, _ := take(in, known, c, night)
		if did != want {
			t.Errorf("%s, want %s", did, want)
		}
		return a
	}
	f(Incoming{Title: "x"}, nil, DidFire)
	f(Incoming{EndsAt: night.Add(time.Minute)}, nil, DidFire)
	f(Incoming{EndsAt: night}, nil, DidNothing)
	f(Incoming{EndsAt: night}, known, DidResolve)
	if a := f(Incoming{EndsAt: night.Add(5 * time.Minute), Annotations: map[string]string{"a": "b"}}, known, DidRepeat); a.ID != "al_1" || !a.EndsAt.Equal(night.Add(5*time.Minute)) ||
		!a.UpdatedAt.Equal(night) || a.Title != "T" || a.URL != "u" || a.Count != 1 || a.Annotations["a"] != "b" {
		t.Errorf("repeated: %+v", a)
	}
	if a := shape(Incoming{Annotations: map[string]string{"summary": "first line\nsecond", "description": "long"}}, c, night); a.Title != "first line" || a.Reason != "long" {
		t.Errorf("%q, %q", a.Title, a.Reason)
	}
	if a := shape(Incoming{Title: strings.Repeat("é", 500)}, c, night); len([]rune(a.Title)) != 200 {
		t.Errorf("a title of %d characters", len([]rune(a.Title)))
	}
}

func TestInhibitionNeedsASourceThatIsNotATargetAndEqualLabels(t *testing.T) {
	parse := func(m ...string) *catalog.Inhibition {
		i := &catalog.Inhibition{Equal: []string{"cluster"}}
		i.SourceMatchers, _ = catalog.ParseMatchers(m[:1])
		i.TargetMatchers, _ = catalog.ParseMatchers(m[1:])
		return i
	}
	c := &catalog.Catalog{Inhibitions: map[string]*catalog.Inhibition{"down": parse(`alertname="ClusterDown"`, `severity=~"warning|critical"`)}}
	down := Alert{ID: "al_1", Source: "s", Title: "ClusterDown", Labels: map[string]string{"alertname": "ClusterDown", "severity": "critical", "cluster": "1"}}
	f := func(labels map[string]string, sources []Alert, want bool) {
		t.Helper()
		why := mutedBy(Alert{ID: "al_2", Labels: labels}, nil, sources, c, night)
		if (len(why) > 0) != want {
			t.Errorf("%v: %v", labels, why)
		}
		if want && (!strings.Contains(why[0], "ClusterDown") || !strings.Contains(why[0], "al_1")) {
			t.Errorf("%q does not say by what", why[0])
		}
	}
	f(map[string]string{"alertname": "Slow", "severity": "warning", "cluster": "1"}, []Alert{down}, true)
	f(map[string]string{"alertname": "Slow", "severity": "warning", "cluster": "2"}, []Alert{down}, false)
	f(map[string]string{"alertname": "Slow", "severity": "info", "cluster": "1"}, []Alert{down}, false)
	f(map[string]string{"alertname": "Slow", "severity": "warning", "cluster": "1"}, nil, false)
	f(down.Labels, []Alert{down}, false)
	if !inhibits(down, c) || inhibits(Alert{Labels: map[string]string{"alertname": "Slow"}}, c) {
		t.Error("who may inhibit")
	}
}
