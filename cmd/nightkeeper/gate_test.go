package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"nightkeeper/internal/loop/prevent"
)

func TestExitCodesOfTheGate(t *testing.T) {
	var answer prevent.Verdict
	var onUnknown string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		onUnknown = r.URL.Query().Get("on_unknown")
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	defer srv.Close()
	for _, c := range []struct {
		decision prevent.Decision
		flags    string
		code     int
	}{
		{prevent.Allow, "", 0},
		{prevent.Allow, " --strict", 0},
		{prevent.Warn, "", 0},
		{prevent.Warn, " --strict", gateWarned},
		{prevent.Blocked, "", gateBlocked},
		{prevent.Blocked, " --on-unknown allow", gateBlocked},
		{prevent.Unknown, "", gateUnknown},
		{prevent.Unknown, " --strict", gateUnknown},
		{prevent.Unknown, " --on-unknown block", gateBlocked},
		{prevent.Unknown, " --on-unknown allow", 0},
	} {
		answer = prevent.Verdict{Decision: c.decision, Reasons: []string{"because"}}
		fails(t, "gate checkout --url "+srv.URL+c.flags, c.code)
		if want := map[bool]string{true: "allow", false: "block"}[c.flags == " --on-unknown allow"]; onUnknown != want {
			t.Errorf("%s: the server was asked for %s", c.flags, onUnknown)
		}
	}
	away := "gate checkout --url http://127.0.0.1:1"
	fails(t, away+" --on-unknown block", gateBlocked, "unknown: no answer")
	var v prevent.Verdict
	if err := json.Unmarshal([]byte(prints(t, away+" --json --on-unknown allow")), &v); err != nil || v.Decision != prevent.Unknown || !v.Allowed || len(v.Reasons) != 1 {
		t.Errorf("%+v %v", v, err)
	}
	fails(t, "gate checkout --on-unknown perhaps", exitUsage, "--on-unknown", "allow or block")
}
