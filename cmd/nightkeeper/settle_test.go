package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// What settle sends is an answer to the question that the run has at this moment.
func TestSettleAnswersTheQuestionOfTheRun(t *testing.T) {
	state, journal := "unknown", `[{"seq":1,"state":"done"},{"seq":2,"state":"unknown"}]`
	var sent map[string]any
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/runs", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `[{"id":"run_0","state":"succeeded"},{"id":"run_1","state":%q}]`, state)
	})
	mux.HandleFunc("GET /api/v1/runs/run_1", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"id":"run_1","state":%q,"turn":7,"journal":%s}`, state, journal)
	})
	mux.HandleFunc("POST /api/v1/runs/run_1/steps/2/settle", func(w http.ResponseWriter, r *http.Request) {
		sent = nil
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			t.Error(err)
		}
		fmt.Fprint(w, `{"id":"run_1","state":"running"}`)
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	const usageLine = "nightkeeper settle [RUN --happened|--did-not-happen]"
	at := " --url " + srv.URL
	fails(t, "settle"+at, 0)
	fails(t, "settle run_1"+at, exitUsage, "give one of", usageLine)
	fails(t, "settle run_1 --happened --did-not-happen"+at, exitUsage, "give one of")
	fails(t, "settle run_1 --did-not-happen --result {}"+at, exitUsage, "goes with --happened")
	fails(t, "settle run_1 --happened --result {"+at, exitUsage, "--result is JSON")
	if sent != nil {
		t.Fatalf("something was sent: %v", sent)
	}
	f := func(line string, want string) {
		t.Helper()
		fails(t, line+at, 0)
		if got := fmt.Sprint(sent); got != want {
			t.Errorf("%s sent %s, want %s", line, got, want)
		}
	}
	f("settle run_1 --happened --note seen", "map[happened:true note:seen turn:7]")
	f(`settle run_1 --happened --result {"pods":3}`, "map[happened:true note: result:map[pods:3] turn:7]")
	f("settle run_1 --did-not-happen", "map[happened:false note: turn:7]")
	state, journal = "running", "[]"
	fails(t, "settle run_1 --happened"+at, exitProblem, "the run is running: there is nothing to settle")
}
