package observe

import (
	"encoding/json"
	"testing"
	"time"
)

var at = time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)

func TestSpansAndLinesAreWrittenInTheWordsOfTheAPI(t *testing.T) {
	f := func(v any, want string) {
		t.Helper()
		got, err := json.Marshal(v)
		if err != nil || string(got) != want {
			t.Errorf("%s, %v\nwant %s", got, err, want)
		}
	}
	attrs := map[string]string{"k": "v"}
	f(Span{"t", "s", "p", "checkout", "v2", "i", "GET /", Client, at, time.Millisecond, true, "no", "payments", "mysql", 1, attrs},
		`{"trace_id":"t","span_id":"s","parent_id":"p","service":"checkout","version":"v2","instance":"i","name":"GET /","kind":"client",`+
			`"start":"2026-11-27T03:00:00Z","duration_ns":1000000,"error":true,"message":"no","peer":"payments","db":"mysql","resend":1,"attributes":{"k":"v"}}`)
	f(LogLine{at, "checkout", "ERROR", "no", "t", "s", attrs},
		`{"time":"2026-11-27T03:00:00Z","service":"checkout","level":"ERROR","text":"no","trace_id":"t","span_id":"s","attributes":{"k":"v"}}`)
}

// Scenes that were recorded before these words were chosen have the names of the fields.
func TestLinesOfOldRecordingsCanBeRead(t *testing.T) {
	var l LogLine
	if err := json.Unmarshal([]byte(`{"Service":"mobile-api","Text":"connection timeout"}`), &l); err != nil || l.Service != "mobile-api" || l.Text != "connection timeout" {
		t.Errorf("%+v, %v", l, err)
	}
}
