package apptest

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Catalog declares services that page mira at once, then tomas after a second, then both, twice over. More documents may
// follow in other files.
func Catalog(services ...string) string {
	var b strings.Builder
	b.WriteString(`apiVersion: nightkeeper/v1
kind: Person
metadata: {name: mira}
spec: {contacts: [{channel: inbox}]}
---
apiVersion: nightkeeper/v1
kind: Person
metadata: {name: tomas}
spec: {contacts: [{channel: inbox}]}
---
apiVersion: nightkeeper/v1
kind: Team
metadata: {name: shop}
spec: {members: [mira, tomas], escalationPolicy: default}
---
apiVersion: nightkeeper/v1
kind: EscalationPolicy
metadata: {name: default}
spec:
  loops: 2
  hold: {SEV1: 0s, SEV2: 0s, SEV3: 0s}
  steps:
  - targets: [{person: mira}]
  - after: 1s
    targets: [{person: tomas}]
  - after: 1s
    targets: [{team: shop}]
`)
	for _, s := range services {
		fmt.Fprintf(&b, `---
apiVersion: nightkeeper/v1
kind: Service
metadata: {name: %[1]s}
spec: {team: shop, tier: critical}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: %[1]s}
spec:
  service: %[1]s
  objectives: [{target: 0.999}]
  indicator: {spec: {ratioMetric: {good: {metricSource: {type: spans, spec: {errors: false}}}, total: {metricSource: {type: spans}}}}}
`, s)
	}
	return b.String()
}

func random(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// Spans returns an OTLP request in JSON: n server spans of a service, evenly over the time before now.
func Spans(service string, n int, over time.Duration, failed bool) string {
	status := ""
	if failed {
		status = `,"status":{"code":2,"message":"no"}`
	}
	var spans []string
	now := time.Now()
	for i := range n {
		at := now.Add(-over * time.Duration(i) / time.Duration(n)).UnixNano()
		spans = append(spans, fmt.Sprintf(`{"traceId":"%s","spanId":"%s","name":"GET /","kind":2,"startTimeUnixNano":"%d","endTimeUnixNano":"%d"%s}`,
			random(16), random(8), at-int64(time.Millisecond), at, status))
	}
	return `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"` + service + `"}}]},"scopeSpans":[{"spans":[` +
		strings.Join(spans, ",") + `]}]}]}`
}

// Send posts an OTLP request in JSON to a server and returns the status.
func Send(t testing.TB, addr, path, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// Outage sends a minute and a bit in which every request of a service failed: enough for its alert to fire at once.
func (w *World) Outage(service string) {
	w.T.Helper()
	if status := Send(w.T, w.App.OTLPAddr().String(), "/v1/traces", Spans(service, 16, 70*time.Second, true)); status != http.StatusOK {
		w.T.Fatalf("spans were answered with %d", status)
	}
}

// Recovery sends so many good requests that what failed in an outage is within the objective again.
func (w *World) Recovery(service string) {
	w.T.Helper()
	for range 4 {
		if status := Send(w.T, w.App.OTLPAddr().String(), "/v1/traces", Spans(service, 5000, time.Second, false)); status != http.StatusOK {
			w.T.Fatalf("spans were answered with %d", status)
		}
	}
}
