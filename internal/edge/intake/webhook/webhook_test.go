package webhook_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/edge/intake/webhook"
	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/ask"
	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

var t0 = time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)

type world struct {
	t      *testing.T
	detect *detect.Service
	url    string
	log    bytes.Buffer
	broken bool
	aws    aws
	seen   []door.Seen
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t}
	c := &catalog.Catalog{Hash: "one", Integrations: map[string]*catalog.Integration{
		"shop":  {Key: "incident.id", Title: "incident.what", Status: "incident.state", Over: []string{"Fixed"}, Alerts: "payload.items", Labels: map[string]string{"shelf": "where.0"}},
		"plain": {Unsigned: true},
	}}
	db, err := store.Open(t.Context(), t.TempDir()+"/nk.db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	w.detect = detect.New(detect.Config{
		Store: fragile{db.Detect(), w}, Catalog: func() *catalog.Catalog { return c }, Log: slog.New(slog.DiscardHandler),
		Related: func(string) []string { return nil }, At: func(string) string { return "" },
	})
	who := func(_ context.Context, secret string) (door.Caller, error) {
		name, ok := strings.CutPrefix(secret, "nk_")
		if !ok {
			return door.Caller{}, errs.New(errs.Denied, "the token is not valid")
		}
		return door.Caller{Integration: name, May: func(string) bool { return true }}, nil
	}
	srv := httptest.NewServer(webhook.New(webhook.Config{
		Door: door.New(door.Config{Who: who, MaxBatch: 50, Saw: func(x door.Seen) { w.seen = append(w.seen, x) }}), Ask: ask.New(&w.aws), Detect: w.detect, Catalog: func() *catalog.Catalog { return c },
		Now: func() time.Time { return t0 }, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	}))
	t.Cleanup(srv.Close)
	w.url = srv.URL
	return w
}

type fragile struct {
	detect.Store
	w *world
}

func (f fragile) Update(ctx context.Context, fn func(detect.Tx) error) error {
	if f.w.broken {
		return errs.New(errs.Unavailable, "the database does not answer")
	}
	return f.Store.Update(ctx, fn)
}

func (w *world) post(path, body string, headers ...string) (int, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// ok posts what has to be taken.
func (w *world) ok(path, body string) {
	w.t.Helper()
	if status, said := w.post(path, body); status != 200 {
		w.t.Fatalf("%s: %d %s", path, status, said)
	}
}

func (w *world) firing() []detect.Alert {
	w.t.Helper()
	as, err := w.detect.Alerts(w.t.Context(), "", true)
	if err != nil {
		w.t.Fatal(err)
	}
	slices.SortFunc(as, func(a, b detect.Alert) int { return strings.Compare(a.Key, b.Key) })
	return as
}

const v4 = `{"version":"4","groupKey":"{}:{alertname=\"Down\"}","truncatedAlerts":2,"status":"firing","receiver":"nk","groupLabels":{"alertname":"Down"},"commonLabels":{},"commonAnnotations":{},
"externalURL":"http://am:9093","alerts":[
{"status":"firing","labels":{"alertname":"Down","instance":"a"},"annotations":{"summary":"a is down"},"startsAt":"2026-11-27T02:59:00.1Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prom/g","fingerprint":"aaaaaaaaaaaaaaaa"},
{"status":"%s","labels":{"alertname":"Down","instance":"b"},"annotations":{},"startsAt":"2026-11-27T02:58:00Z","endsAt":"2026-11-27T02:59:30Z","generatorURL":"","fingerprint":"bbbbbbbbbbbbbbbb"}]}`

func TestEachAlertOfAnAlertmanagerGroupIsOne(t *testing.T) {
	w := newWorld(t)
	w.ok("/intake/alertmanager/nk_am", fmt.Sprintf(v4, "firing"))
	as := w.firing()
	if len(as) != 2 || as[0].Key != "aaaaaaaaaaaaaaaa" || as[0].Integration != "am" || !as[0].EndsAt.IsZero() || as[0].URL != "http://prom/g" || as[1].URL != "http://am:9093" || as[0].Group != as[1].Group {
		t.Fatalf("%+v", as)
	}
	if !strings.Contains(w.log.String(), "2 of this one") {
		t.Errorf("nobody is told of alerts that the sender leaves out: %s", w.log.String())
	}
	// The group changes; each alert is still itself. Grafana OnCall's address is the same door.
	w.ok("/integrations/v1/alertmanager/nk_am/", fmt.Sprintf(v4, "resolved"))
	if as := w.firing(); len(as) != 1 || as[0].Key != "aaaaaaaaaaaaaaaa" || as[0].Count != 1 {
		t.Errorf("%+v", as)
	}
}

func TestTokenInTheHeader(t *testing.T) {
	w := newWorld(t)
	body := fmt.Sprintf(v4, "firing")
	for i, c := range []struct {
		auth string
		want int
	}{{"Bearer nk_am", 200}, {"Basic dXNlcjpua19hbQ==", 200}, {"Bearer guess", 401}, {"", 401}} {
		if status, said := w.post("/intake/alertmanager", body, "Authorization", c.auth); status != c.want {
			t.Errorf("%d: %d %s, want %d", i, status, said, c.want)
		}
	}
}

func TestStoreAwayIs503(t *testing.T) {
	w := newWorld(t)
	w.broken = true
	if status, said := w.post("/intake/alertmanager/nk_am", fmt.Sprintf(v4, "firing")); status != 503 {
		t.Errorf("%d %s: Alertmanager tries nothing but 5xx again", status, said)
	}
}

func TestBadBodiesAreRefusedWithAReason(t *testing.T) {
	w := newWorld(t)
	many := strings.Repeat(`{"title":"x"},`, 51)
	for _, c := range []struct {
		path, body string
		want       int
		says       string
	}{
		{"/intake/alertmanager/nk_a", `{"alerts":[]}`, 400, "no alerts"},
		{"/intake/alertmanager/nk_a", `[`, 400, "not a message of Alertmanager"},
		{"/intake/alertmanager/nk_a", `{"alerts":[{"status":"odd","labels":{"a":"b"}}]}`, 400, "firing or resolved"},
		{"/intake/alertmanager/nk_a", `{"alerts":[{"status":"firing","labels":{"a":""}}]}`, 400, "no labels"},
		{"/intake/webhook/nk_a", `"text"`, 400, "not a JSON object"},
		{"/intake/webhook/nk_a", `{"x":1}`, 400, `declare an Integration named "a"`},
		{"/intake/webhook/nk_a", `[` + strings.TrimSuffix(many, ",") + `]`, 413, "at most 50"},
		{"/intake/webhook/nk_a", `{"title":"x","labels":{"` + strings.Repeat("n", 300) + `":"v"}}`, 400, "longer than 256"},
		{"/intake/datadog/nk_a", `{}`, 400, "no title"},
		{"/intake/cloudwatch/nk_a", `{}`, 400, "no signature of SNS"},
		{"/intake/cloudwatch/nk_plain", `{}`, 400, "neither"},
		{"/intake/cloudwatch/nk_a", `{"Type":"Notification","TopicArn":"x"}`, 400, "not the name of a topic"},
		{"/intake/nothing/nk_a", `{}`, 404, "alertmanager, cloudwatch, datadog, grafana, webhook"},
		{"/integrations/v1/zabbix/nk_a/", `{}`, 404, "formatted_webhook"},
		{"/intake/webhook/guess", `{"title":"x"}`, 401, "not valid"},
	} {
		if status, said := w.post(c.path, c.body); status != c.want || !strings.Contains(said, c.says) {
			t.Errorf("%s %.60s: %d %s, want %d %s", c.path, c.body, status, said, c.want, c.says)
		}
	}
	if as := w.firing(); len(as) != 0 {
		t.Errorf("%d alerts of refused bodies", len(as))
	}
	// All but those of nobody and of no format can be looked at.
	if n := len(w.seen); n != 12 || w.seen[0].Integration != "a" || w.seen[0].Format != "alertmanager" || !strings.Contains(w.seen[0].Refused, "no alerts") || string(w.seen[0].Body) != `{"alerts":[]}` {
		t.Errorf("%d were seen: %+v", n, w.seen)
	}
}

func TestGrafanaAlerting(t *testing.T) {
	w := newWorld(t)
	const body = `{"receiver":"nk","status":"%[1]s","orgId":1,"version":"1","title":"[FIRING:1] p99","state":"alerting","message":"**Firing**","externalURL":"http://grafana/","truncatedAlerts":0,
	"alerts":[{"status":"%[1]s","labels":{"alertname":"p99 is high","grafana_folder":"shop","service":"checkout","severity":"warning"},"annotations":{"summary":"slow"},"startsAt":"2026-11-27T02:59:00+01:00","endsAt":"%[2]s",
	"generatorURL":"http://grafana/alerting/grafana/x/view","fingerprint":"c0ffee","silenceURL":"http://grafana/s","dashboardURL":"","panelURL":"","values":{"A":1.5},"valueString":"[ var='A' ]"}]}`
	w.ok("/integrations/v1/grafana_alerting/nk_grafana/", fmt.Sprintf(body, "firing", "0001-01-01T00:00:00Z"))
	if as := w.firing(); len(as) != 1 || as[0].Service != "checkout" || as[0].Severity != detect.SEV3 {
		t.Fatalf("%+v", as)
	}
	w.ok("/intake/grafana/nk_grafana", fmt.Sprintf(body, "resolved", "2026-11-27T02:59:59Z"))
	if as := w.firing(); len(as) != 0 {
		t.Errorf("%+v", as)
	}
}

func TestAnyJSONWithUsualNames(t *testing.T) {
	w := newWorld(t)
	f := func(path, down, up string, want detect.Alert) {
		t.Helper()
		w.ok(path, down)
		as := w.firing()
		if len(as) != 1 {
			t.Fatalf("%s: %d alerts", down, len(as))
		}
		a := as[0]
		if a.Key != want.Key || a.Title != want.Title || a.Service != want.Service || a.Severity != want.Severity || a.URL != want.URL || (want.Labels != nil && fmt.Sprint(a.Labels) != fmt.Sprint(want.Labels)) {
			t.Errorf("%s:\n%+v, want\n%+v", down, a, want)
		}
		w.ok(path, up)
		if as := w.firing(); len(as) != 0 {
			t.Errorf("after %s: %+v", up, as)
		}
	}
	f("/intake/webhook/nk_cron", `{"title":"backup failed","service":"backup","severity":"p1","link":"https://ci/1","labels":{"host":"db-1","n":3,"deep":{}}}`,
		`{"title":"backup failed","service":"backup","state":"OK","labels":{"host":"db-1","n":3}}`,
		detect.Alert{Key: door.Fingerprint(map[string]string{"host": "db-1", "n": "3", "service": "backup", "\x00title": "backup failed"}), Title: "backup failed", Service: "backup",
			Severity: detect.SEV1, URL: "https://ci/1", Labels: map[string]string{"host": "db-1", "n": "3", "service": "backup"}})
	f("/integrations/v1/formatted_webhook/nk_oncall/", `{"alert_uid":"u-1","title":"disk","state":"alerting","message":"full","image_url":"","link_to_upstream_details":"javascript:alert(1)"}`,
		`{"alert_uid":"u-1","title":"disk","state":"ok"}`, detect.Alert{Key: "u-1", Title: "disk", Severity: detect.SEV2})
	f("/intake/webhook/nk_shop", `{"payload":{"items":[{"incident":{"id":17,"what":"shelf is empty","state":"New"},"where":["left","right"]}]}}`,
		`{"payload":{"items":[{"incident":{"id":17,"state":"fixed"}}]}}`, detect.Alert{Key: "17", Title: "shelf is empty", Severity: detect.SEV2, Labels: map[string]string{"shelf": "left"}})
}

func TestDatadog(t *testing.T) {
	w := newWorld(t)
	f := func(body, key, title string, sev detect.Severity, firing int) {
		t.Helper()
		w.ok("/intake/datadog/nk_dd", body)
		as := w.firing()
		if len(as) != firing {
			t.Fatalf("%s: %d alerts fire, want %d", body, len(as), firing)
		}
		if firing > 0 && (as[0].Key != key || as[0].Title != title || as[0].Severity != sev || as[0].Labels["host"] != "web-1") {
			t.Errorf("%s: %+v", body, as[0])
		}
	}
	const full = `{"id":"%s","title":"[%s on {host:web-1}] CPU is high","body":"%%%%%% cpu","link":"https://app.datadoghq.com/m/1","tags":"env:prod,service:web,lonely","alert_id":"42","alert_cycle_key":"9991","alert_transition":"%s","alert_type":"error","alert_priority":"P2"}`
	f(fmt.Sprintf(full, "1", "Triggered", "Triggered"), "9991", "CPU is high", detect.SEV2, 1)
	f(fmt.Sprintf(full, "2", "Re-Triggered", "Re-Triggered"), "9991", "CPU is high", detect.SEV2, 1)
	f(fmt.Sprintf(full, "3", "Recovered", "Recovered"), "", "", "", 0)
	const plain = `{"body":"x","last_updated":"1","event_type":"query_alert_monitor","title":"%s CPU is high","date":"1","org":{"id":"1","name":"o"},"id":"%d"}`
	f(fmt.Sprintf(plain, "[Warn on {host:web-1}]", 4), "CPU is high host:web-1", "CPU is high", detect.SEV2, 1)
	f(fmt.Sprintf(plain, "[P2] [Triggered on {host:web-1}]", 5), "CPU is high host:web-1", "CPU is high", detect.SEV2, 1)
	f(fmt.Sprintf(plain, "[Warn Recovered on {host:web-1}]", 6), "", "", "", 0)
}

const alarm = `{"AlarmName":"cpu-high","AlarmDescription":"web is hot","AWSAccountId":"123456789012","NewStateValue":"%s","NewStateReason":"Threshold Crossed","StateChangeTime":"2026-11-27T02:59:58.123+0000","Region":"EU (Frankfurt)","AlarmArn":"arn:aws:cloudwatch:eu-central-1:123456789012:alarm:cpu-high","OldStateValue":"OK","Trigger":{"MetricName":"CPUUtilization","Namespace":"AWS/EC2","Dimensions":[{"value":"i-1","name":"InstanceId"}]}}`

func TestCloudWatch(t *testing.T) {
	w := newWorld(t)
	w.ok("/intake/cloudwatch/nk_aws", sns("Notification", fmt.Sprintf(alarm, "ALARM")))
	as := w.firing()
	if len(as) != 1 || as[0].Title != "cpu-high" || as[0].Labels["InstanceId"] != "i-1" || as[0].Labels["region"] != "eu-central-1" || !strings.HasPrefix(as[0].URL, "https://eu-central-1.console.aws.amazon.com/") {
		t.Fatalf("%+v", as)
	}
	w.ok("/intake/cloudwatch/nk_aws", sns("Notification", fmt.Sprintf(alarm, "INSUFFICIENT_DATA")))
	if as := w.firing(); len(as) != 1 {
		t.Errorf("no data is no recovery: %+v", as)
	}
	w.ok("/intake/cloudwatch/nk_aws", sns("Notification", fmt.Sprintf(alarm, "OK")))
	if as := w.firing(); len(as) != 0 {
		t.Errorf("%+v", as)
	}
	w.ok("/intake/cloudwatch/nk_aws", sns("Notification", "the budget is used up"))
	if as := w.firing(); len(as) != 1 || as[0].Title != "ALARM" {
		t.Errorf("a message of another kind is shown: %+v", as)
	}
}

func TestHeartbeatOfOnCall(t *testing.T) {
	w := newWorld(t)
	if status, said := w.post("/integrations/v1/webhook/nk_cron/heartbeat/", ""); status != 404 || !strings.Contains(said, "cron") {
		t.Errorf("%d %s", status, said)
	}
	if _, err := w.detect.MakeHeartbeat(t.Context(), detect.Heartbeat{Name: "cron", Interval: time.Hour, Enabled: true}, "mira", t0); err != nil {
		t.Fatal(err)
	}
	w.ok("/integrations/v1/webhook/nk_cron/heartbeat/", "")
	if h, err := w.detect.HeartbeatOf(t.Context(), "cron"); err != nil || !h.LastPing.Equal(t0) {
		t.Errorf("%+v, %v", h, err)
	}
	if status, _ := w.post("/integrations/v1/webhook/guess/heartbeat/", ""); status != 401 {
		t.Errorf("%d", status)
	}
}
