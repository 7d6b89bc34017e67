package convert

import (
	"testing"
)

func TestGoldenAlertmanager(t *testing.T) {
	const file = "testdata/alertmanager.txtar"
	a := readArchive(t, file)
	p, err := Alertmanager([]byte(a.files["export/alertmanager.yml"]), today)
	if err != nil {
		t.Fatal(err)
	}
	c := loaded(t, p)
	got := []File{{"plan.txt", []byte(p.text())}}
	for _, f := range p.Files {
		got = append(got, File{"catalog/" + f.Name, f.Text})
	}
	checkGolden(t, a, file, got)

	// The first rule that selects an alert is that of the deepest route that does.
	pick := func(labels map[string]string) (policy, severity string) {
		for _, r := range c.Rules() {
			all := true
			for _, m := range r.Matchers {
				all = all && m.Matches(labels[m.Name])
			}
			if all {
				return r.EscalationPolicy, r.Severity
			}
		}
		return "none", ""
	}
	for _, x := range []struct {
		labels           map[string]string
		policy, severity string
	}{
		{map[string]string{"alertname": "x"}, "everybody", ""},
		{map[string]string{"alertname": "x", "team": "db"}, "everybody", ""},
		{map[string]string{"alertname": "x", "team": "db", "severity": "page"}, "db", ""},
		{map[string]string{"alertname": "x", "team": "db", "severity": "page", "env": "test"}, "", "SEV4"},
		{map[string]string{"alertname": "x", "service": "cart"}, "", ""},
		{map[string]string{"alertname": "x", "team": "shop"}, "everybody-office", ""},
	} {
		if policy, severity := pick(x.labels); policy != x.policy || severity != x.severity {
			t.Errorf("%v: got %q and %q, want %q and %q", x.labels, policy, severity, x.policy, x.severity)
		}
	}
}

func TestWhatIsNoConfigurationIsRefused(t *testing.T) {
	for _, text := range []string{"", "route: [", "receivers: []", "- a"} {
		if _, err := Alertmanager([]byte(text), today); err == nil {
			t.Errorf("%q is converted", text)
		}
	}
}

func FuzzAlertmanager(f *testing.F) {
	f.Add([]byte(readArchive(f, "testdata/alertmanager.txtar").files["export/alertmanager.yml"]))
	f.Add([]byte("route: {receiver: a, routes: [null, {match: {'a b': \"\\n\"}}]}\nreceivers: [{name: a, email_configs: [{to: ''}]}]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Alertmanager(b, today)
		if err == nil {
			loaded(t, p)
		}
	})
}
