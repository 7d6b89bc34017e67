package alertmanager

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"nightkeeper/internal/loop/catalog"
)

// Samples of bodies as Prometheus, Grafana and amtool send them.
var alertSamples = []string{
	`[{"annotations":{"summary":"checkout is down"},"endsAt":"2026-11-27T03:09:00.123456789Z","startsAt":"2026-11-27T03:05:00.123Z","generatorURL":"http://prom:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1","labels":{"alertname":"Down","instance":"10.0.0.1:9100","job":"checkout","severity":"critical"}}]`,
	`[{"startsAt":"2026-11-27T04:05:00+01:00","endsAt":"0001-01-01T00:00:00Z","labels":{"alertname":"DatasourceError","grafana_folder":"shop","rulename":"p99"},"annotations":{"__dashboardUid__":"a"},"generatorURL":"http://grafana/alerting/grafana/x/view"}]`,
	`[{"labels":{"alertname":"Disk full","überall":"ja"},"startsAt":"2026-11-27T03:05:00.000Z"},{"labels":{},"endsAt":null}]`,
	`[]`, `[null]`, `{}`, `[{"labels":{"a":""}}]`, `[{"labels":{"a":"b"},"endsAt":"2026-11-27"}]`, `[{"startsAt":5}]`,
}

func FuzzAlerts(f *testing.F) {
	for _, s := range alertSamples {
		f.Add([]byte(s))
	}
	now := time.Date(2026, 11, 27, 3, 6, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, body []byte) {
		in, err := decode(body)
		if err != nil {
			return
		}
		for i := range in {
			x, err := in[i].incoming("prom", now)
			if err != nil {
				continue
			}
			set := model.LabelSet{}
			for name, value := range x.Labels {
				set[model.LabelName(name)] = model.LabelValue(value)
			}
			if err := set.Validate(); err != nil {
				t.Errorf("%v was taken: %v", x.Labels, err)
			}
			if x.Key != set.Fingerprint().String() {
				t.Errorf("fingerprint of %v: %s, want %s", x.Labels, x.Key, set.Fingerprint())
			}
			if len(x.Labels) == 0 || x.StartsAt.IsZero() || x.EndsAt.Before(x.StartsAt) {
				t.Errorf("%+v was taken", x)
			}
		}
	})
}

func FuzzSilence(f *testing.F) {
	for _, s := range []string{
		`{"matchers":[{"name":"alertname","value":"Do.n","isRegex":true,"isEqual":true}],"startsAt":"2026-11-27T03:05:00.000Z","endsAt":"2026-11-27T04:05:00.000Z","createdBy":"mira","comment":"known","id":""}`,
		`{"matchers":[{"name":"a b","value":"\"\\\n{}","isEqual":false}],"startsAt":"2026-11-27T03:05:00.000Z","endsAt":"2026-11-27T04:05:00.000Z","createdBy":"karma","comment":"ACK! x","annotations":{"a":"b"}}`,
		`{"matchers":[],"startsAt":null}`, `{}`, `[]`, `{"matchers":[{"name":"a","value":"(","isRegex":true}],"startsAt":"2026-11-27","endsAt":"2026-11-28","createdBy":"","comment":""}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var in silence
		if json.Unmarshal(body, &in) != nil {
			return
		}
		x, err := in.read()
		if err != nil {
			return
		}
		ms, err := catalog.ParseMatchers(x.Match)
		if err != nil {
			// Names and values that have no notation are refused when the silence is made.
			return
		}
		if len(ms) != len(in.Matchers) {
			t.Fatalf("%d matchers of %d: %v", len(ms), len(in.Matchers), x.Match)
		}
		for i, m := range ms {
			if m.Name != *in.Matchers[i].Name || m.Value != *in.Matchers[i].Value {
				t.Errorf("%q %q became %q %q", *in.Matchers[i].Name, *in.Matchers[i].Value, m.Name, m.Value)
			}
		}
	})
}

func FuzzTime(f *testing.F) {
	for _, s := range []string{`"2026-11-27T03:05:00Z"`, `"2026-11-27T03:05:00.123456789+05:30"`, `"2026-11-27 03:05:00"`, `null`, `"2026-11-27T03:05:00+0100"`, `""`, `7`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var v, again stamp
		if json.Unmarshal(b, &v) != nil || time.Time(v).Year() > 9999 || time.Time(v).UTC().Year() < 0 {
			return
		}
		out, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(out, &again); err != nil || !time.Time(again).Equal(time.Time(v).Truncate(time.Millisecond)) {
			t.Errorf("%s became %s (%v)", b, out, err)
		}
	})
}
