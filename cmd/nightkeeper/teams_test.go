package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// What the commands about teams send, and that they can write what comes back.
func TestTeamsCommandsSendWhatWasAsked(t *testing.T) {
	var got string
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v1/", func(w http.ResponseWriter, r *http.Request) {
		got = r.Method + " " + r.URL.Path
		team := `{"name":"payments","title":"Payments","members":[{"person":"mira","on_call":["day"],"ready":[{"channel":"sms","state":"ok"}]}],
			"schedules":[{"schedule":"day","now":{"duties":[{"person":"mira"}]},"next":{"duties":[]}}],"services":[{"service":"charge","firing":1,"severity":"SEV1"}],
			"incidents":[{"id":"INC-1"}],"tickets":[{"id":"tk_1"}]}`
		if r.URL.Path == "/api/v1/teams" {
			team = "[" + team + "]"
		}
		fmt.Fprint(w, team)
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	for line, want := range map[string]string{"teams": "GET /api/v1/teams", "teams payments": "GET /api/v1/teams/payments"} {
		fails(t, line+" --url "+srv.URL, 0)
		if got != want {
			t.Errorf("%s: got %s, want %s", line, got, want)
		}
	}
	fails(t, "teams payments search --url "+srv.URL, exitUsage)
}
