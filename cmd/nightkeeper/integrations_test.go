package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"

	"nightkeeper/internal/loop/catalog"
)

// A payload is sent as it stands in the file, with the Integration of another file, and a refusal is the exit code.
func TestTryingAPayload(t *testing.T) {
	answer := ""
	var asked struct {
		Format, Payload string
		Mapping         map[string]any
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.EscapedPath() {
		case "/api/v1/integrations/ware%20house/try", "/api/v1/integrations/x/try":
			asked.Mapping = nil
			if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
				t.Error(err)
			}
			fmt.Fprint(w, answer)
		case "/api/v1/formats":
			fmt.Fprint(w, `[{"name":"webhook","sample":"{}"},{"name":"datadog","sample":"{\"title\":\"x\"}"}]`)
		default:
			t.Errorf("asked for %s", r.URL)
		}
	}))
	defer srv.Close()
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	at := " --url " + srv.URL
	i := &catalog.Integration{Meta: catalog.Meta{Name: "x"}, Key: "incident.id", Status: "s", Over: []string{"fixed"}, Labels: map[string]string{"a": "b.0"}}
	text, err := i.Document()
	if err != nil {
		t.Fatal(err)
	}
	payload, mapping := write("payload", "not \"JSON\"\n"), write("mapping.yaml", text)
	answer = `{"alerts":[{"done":"fired","alert":{"title":"x","severity":"SEV2","labels":{"a":"b"}}}]}`
	fails(t, "integrations try x "+payload+" --format webhook --mapping "+mapping+at, 0)
	if asked.Format != "webhook" || asked.Payload != "not \"JSON\"\n" || asked.Mapping["key"] != "incident.id" || fmt.Sprint(asked.Mapping["over"], asked.Mapping["labels"]) != "[fixed] map[a:b.0]" {
		t.Errorf("%+v", asked)
	}
	fails(t, "integrations try x --sample --format datadog"+at, 0)
	if asked.Payload != `{"title":"x"}` || asked.Mapping != nil {
		t.Errorf("%+v", asked)
	}
	answer = `{"problem":"the body is not JSON","alerts":[]}`
	fails(t, "integrations try x "+payload+at, exitFailed, "it would be refused: the body is not JSON")
	fails(t, "integrations try x --sample --format nagios"+at, exitUsage, `no format "nagios"`, "webhook, datadog")
	fails(t, "integrations try x "+payload+" --sample"+at, exitUsage, "either a file or --sample")
	fails(t, "integrations try"+at, exitUsage, "integrations try NAME [FILE]")
	fails(t, "integrations try x "+payload+" --mapping "+write("slo.yaml", "apiVersion: openslo/v1\nkind: SLO\n")+at, exitProblem, `kind is "SLO"`, "kind Integration")
	fails(t, "integrations try x "+payload+" --mapping "+write("bad.yaml", "kind: Integration\nspec: {keys: x}\n")+at, exitProblem, `unknown field "keys"`)
	var back struct{ Spec catalog.Integration }
	if err := yaml.Unmarshal([]byte(text), &back); err != nil || back.Spec.Key != i.Key || back.Spec.Labels["a"] != "b.0" {
		t.Errorf("%v: %s", err, text)
	}
}
