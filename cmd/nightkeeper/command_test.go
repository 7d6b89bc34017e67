package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// What the commands about command send.
func TestHandoffCommandsSendWhatWasAsked(t *testing.T) {
	var got string
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v1/", func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = r.Method + " " + r.URL.String()
		if len(b) > 0 {
			var v map[string]any
			if err := json.Unmarshal(b, &v); err != nil {
				t.Error(err)
			}
			got += " " + fmt.Sprint(v)
		}
		switch r.URL.Path {
		case "/api/v1/handoffs/quality":
			fmt.Fprint(w, `{"handoffs":1,"synchronous":{"handoffs":1,"median":"4m","target":"5m"},"asynchronous":{"median":"0s","target":"30m"}}`)
		case "/api/v1/handoffs", "/api/v1/regions":
			fmt.Fprint(w, "[]")
		default:
			fmt.Fprint(w, `{"id":"HO-1","incident":"INC-1","document":{"questions":"q","next":"n","tried":[{"at":"2026-12-01T09:00:00Z","text":"x"}]},"questions":[{"text":"why?"}]}`)
		}
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	f := func(line, want string) {
		t.Helper()
		got = ""
		fails(t, line+" --url "+srv.URL, 0)
		if got != want {
			t.Errorf("%s\ngot  %s\nwant %s", line, got, want)
		}
	}
	const api = " /api/v1"
	f("handoff INC-1", "POST"+api+"/incidents/INC-1/handoff map[to:]")
	f("handoff INC-1 --to kenji", "POST"+api+"/incidents/INC-1/handoff map[to:kenji]")
	f("handoff list --incident INC-1", "GET"+api+"/handoffs?incident=INC-1")
	f("handoff show HO-1", "GET"+api+"/handoffs/HO-1")
	f("handoff accept HO-1", "POST"+api+"/handoffs/HO-1/accept")
	f("handoff end HO-1 --reason over", "POST"+api+"/handoffs/HO-1/end map[reason:over]")
	f("handoff write HO-1 --next rest", "PUT"+api+"/handoffs/HO-1/document map[next:rest questions:q]")
	f("handoff ask HO-1 why?", "POST"+api+"/handoffs/HO-1/questions map[text:why?]")
	f("handoff answer HO-1 2 because", "POST"+api+"/handoffs/HO-1/questions/2/answer map[already:false text:because]")
	f("handoff answer HO-1 2 --already", "POST"+api+"/handoffs/HO-1/questions/2/answer map[already:true text:]")
	f("handoff quality", "GET"+api+"/handoffs/quality")
	f("regions", "GET"+api+"/regions")
	f("incidents roles INC-1", "GET"+api+"/incidents/INC-1")
	f("incidents roles INC-1 scribe mira", "POST"+api+"/incidents/INC-1/roles map[person:mira role:scribe]")
	f("incidents roles INC-1 database-sme --call", "POST"+api+"/incidents/INC-1/roles map[role:database-sme]")
	fails(t, "incidents roles INC-1 scribe", exitUsage, "a role and a person")
	fails(t, "incidents roles INC-1 --call", exitUsage, "--call wants")
	fails(t, "handoff answer HO-1 two x", exitUsage, "not the number")
	fails(t, "handoff", exitUsage, "handoff INC-1")
}
